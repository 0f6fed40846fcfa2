"""Log lines of a run are bounded, and what they say arrives as it was said."""

import threading
from typing import Any
from uuid import UUID

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


def said_until_full(database_url: str, execution_id: UUID, writers: int) -> None:
    """Processes that log in turn, each line when the one before is stored, until all have left one out."""
    stored = threading.Semaphore(0)
    processes = [LogWriter(database_url, lambda _: stored.release()) for _ in range(writers)]
    logs = [each.of((execution_id, "a", ""), 1) for each in processes]
    while not all(each._run.full for each in logs):
        for each in logs:
            if not each._run.full:
                each.add("info", "m", {})
                assert stored.acquire(timeout=10)
    for process in processes:
        process.close()


def test_lines_of_other_processes_count(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("services.worker.logs.MAX_LINES_OF_RUN", 10)
    monkeypatch.setattr("services.worker.logs.COUNT_EVERY", 2)
    monkeypatch.setattr("services.worker.logs.FLUSH_S", 0.01)
    id = scene.start().id
    count = "SELECT message LIKE 'LOG_LIMIT: %%', count(*) FROM execution_logs WHERE execution_id = %s GROUP BY 1"
    said_until_full(scene.database_url, id, writers=2)
    lines = dict(scene.connection.execute(count, (id,)).fetchall())
    assert lines[True] == 2
    assert 9 <= lines[False] <= 12
    said_until_full(scene.database_url, id, writers=1)
    assert dict(scene.connection.execute(count, (id,)).fetchall()) == {True: 3, False: lines[False] + 1}


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
