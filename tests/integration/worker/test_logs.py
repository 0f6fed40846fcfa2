"""Log lines of a run are bounded, and what they say arrives as it was said."""

from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from services.worker.logs import LogWriter
from tests.integration.clockwork.scene import Scene


def test_a_run_that_logs_too_much_says_so_once(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("services.worker.logs.MAX_LINES_OF_RUN", 5)
    started, other = scene.start(), scene.start()
    logs = LogWriter(scene.database_url, lambda _: None)
    for number in range(20):
        logs.of((started.id, "a", ""), 1).add("info", str(number), {})
    logs.of((other.id, "a", ""), 1).add("info", "mine", {})
    logs.close()
    query = "SELECT level, message FROM execution_logs WHERE execution_id = %s ORDER BY id"
    lines = scene.connection.execute(query, (started.id,)).fetchall()
    assert [message for _, message in lines[:4]] == ["0", "1", "2", "3"]
    assert len(lines) == 5
    assert lines[4][0] == "warning"
    assert "further ones are left out" in lines[4][1]
    assert scene.connection.execute(query, (other.id,)).fetchall() == [("info", "mine")]


STORABLE = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\x00"), max_size=30)
AWKWARD = st.sampled_from(["\\N", "\\.", "a\tb", "\n\\.\n", "\r\n", "\\", "\\t", "", "ü\u2028😀"])
STORED = "SELECT node, item, attempt, level, message, fields FROM execution_logs WHERE execution_id = %s ORDER BY id"


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(lines=st.lists(st.tuples(STORABLE | AWKWARD, st.none() | STORABLE | AWKWARD), min_size=1, max_size=40))
def test_lines_are_stored_as_they_were_said(scene: Scene, lines: list[tuple[str, str | None]]) -> None:
    id = scene.start().id
    logs = LogWriter(scene.database_url, lambda _: None)
    for message, value in lines:
        logs.of((id, "a", "0001"), 2).add("info", message, {} if value is None else {"said": value, value: 1})
    logs.close()
    wanted: list[tuple[Any, ...]] = [
        ("a", "0001", 2, "info", message, None if value is None else {"said": value} | {value: 1})
        for message, value in lines
    ]
    assert scene.connection.execute(STORED, (id,)).fetchall() == wanted


def test_what_postgres_cannot_hold_is_replaced_and_what_is_too_long_is_cut(scene: Scene) -> None:
    id, stored = scene.start().id, set()
    logs = LogWriter(scene.database_url, stored.update)
    log = logs.of((id, "a", ""), 1)
    log.add("info", "a\x00b\ud800c", {"bad": float("nan")})
    log.add("info", "\n" * 20_000, {})
    logs.close()
    (first, second) = scene.connection.execute(STORED, (id,)).fetchall()
    assert first[4] == "a\ufffdb?c"
    assert "NaN" in first[5]["unstorable"]
    assert second[4] == "\n" * 10_000
    assert stored == {id}
