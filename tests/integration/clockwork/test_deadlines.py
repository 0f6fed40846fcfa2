"""Deadlines of runs: `settings.timeoutMs` counts from the first step, stops everything, and says so."""

from typing import Any
from uuid import UUID

import pytest

from services.worker.loops.base import Tools
from services.worker.loops.deadlines import Deadlines
from shared.domain.outcome import Kind
from shared.engine.cancel import CancelResult, cancel_execution
from shared.engine.deadline import overdue, time_out
from shared.engine.requests import Claimed
from shared.queries import executions
from shared.queries.shapes import Viewer
from shared.settings import Settings
from tests.integration.clockwork.scene import Scene

LIMIT_MS = 60_000


@pytest.fixture
def scene(scene: Scene) -> Scene:
    """The runs of its workflow may take a minute."""
    nodes = [{"id": id, "type": "simulate", "params": {"durationMs": 1}} for id in ("a", "b")]
    definition = {"schema": 1, "containers": [{"id": "c", "nodes": nodes}], "settings": {"timeoutMs": LIMIT_MS}}
    scene.use(definition)
    return scene


def begin(scene: Scene) -> Claimed:
    return scene.claim(scene.start().ready[0])


def pass_the_deadline(scene: Scene, execution_id: UUID) -> None:
    scene.connection.execute(
        "UPDATE executions SET started_at = started_at - s, deadline_at = deadline_at - s"
        " FROM make_interval(secs => %s) AS s WHERE id = %s",
        (LIMIT_MS / 1000, execution_id),
    )


def error_of(scene: Scene, execution_id: UUID) -> dict[str, Any]:
    row = executions.row(scene.connection, execution_id, Viewer(scene.user_id, everything=True))
    assert row is not None
    assert row.state == "failed"
    error: dict[str, Any] = executions.record(scene.connection, row)["error"]
    return error


def test_the_clock_starts_with_the_first_step(scene: Scene) -> None:
    started = scene.start()
    assert scene.execution(started.id)["deadline_at"] is None
    scene.claim(started.ready[0])
    row = scene.execution(started.id)
    assert (row["deadline_at"] - row["started_at"]).total_seconds() == pytest.approx(60, abs=0.1)
    assert overdue(scene.connection) == []
    assert time_out(scene.connection, started.id) is None, "it has a minute"


def test_a_run_that_waits_fails_at_once(scene: Scene) -> None:
    claimed = begin(scene)
    scene.complete(claimed, Kind.WAIT, due_s=3_600.0)
    pass_the_deadline(scene, claimed.key[0])
    assert overdue(scene.connection) == [claimed.key[0]]
    done = time_out(scene.connection, claimed.key[0])
    assert done is not None
    assert done.over
    assert error_of(scene, claimed.key[0]) == {
        "code": "RUN_TIMEOUT",
        "message": "The run took longer than its limit of 60 s. Raise settings.timeoutMs if that is expected.",
    }
    assert scene.one("SELECT state, count(*) AS n FROM stats_delta GROUP BY 1") == {"state": "failed", "n": 1}
    assert overdue(scene.connection) == []
    assert time_out(scene.connection, claimed.key[0]) is None, "once"


def test_a_step_that_runs_is_told_to_end_and_its_outcome_starts_nothing(scene: Scene) -> None:
    claimed = begin(scene)
    pass_the_deadline(scene, claimed.key[0])
    done = time_out(scene.connection, claimed.key[0])
    assert done is not None
    assert not done.over
    assert scene.execution(claimed.key[0])["stopping"] == "fail"
    completed = scene.complete(claimed, Kind.STOPPED)
    assert (completed.accepted, completed.ready) == (True, ())
    assert error_of(scene, claimed.key[0])["code"] == "RUN_TIMEOUT"


def test_the_failure_of_a_step_does_not_hide_the_deadline(scene: Scene) -> None:
    claimed = begin(scene)
    pass_the_deadline(scene, claimed.key[0])
    time_out(scene.connection, claimed.key[0])
    scene.complete(claimed, Kind.FAILED, error_code="X", error='{"code":"X","message":"x"}')
    assert error_of(scene, claimed.key[0])["code"] == "RUN_TIMEOUT"


def test_a_run_that_is_over_or_being_canceled_is_left_alone(scene: Scene) -> None:
    over, canceled = scene.run_through(), begin(scene)
    with scene.connection.transaction():
        assert cancel_execution(scene.connection, canceled.key[0]) is CancelResult.CANCELING
    for id in (over, canceled.key[0]):
        pass_the_deadline(scene, id)
        assert time_out(scene.connection, id) is None
    assert overdue(scene.connection) == []
    assert scene.execution(over)["state"] == "success"


def test_the_loop_stops_and_announces_them(scene: Scene) -> None:
    class Announced(Tools):
        def announce(self, applied: Any, kind: str) -> None:
            said.append((kind, applied.touched, applied.ended))

    said: list[Any] = []
    claimed = [begin(scene) for _ in range(3)]
    scene.complete(claimed[0], Kind.WAIT, due_s=3_600.0)
    for one in claimed[:2]:
        pass_the_deadline(scene, one.key[0])
    loop = Deadlines(Announced(Settings(), None, None))  # type: ignore[arg-type]
    assert loop.run(scene.connection) == loop.interval_s
    first, second = claimed[0].key[0], claimed[1].key[0]
    assert sorted(said, key=str) == sorted(
        [("timed_out", {first}, {first: "failed"}), ("timed_out", {second}, {})], key=str
    )
    assert scene.execution(claimed[2].key[0])["stopping"] is None


def test_the_search_uses_its_index(scene: Scene) -> None:
    scene.connection.execute("SET enable_seqscan = off")
    plan = scene.connection.execute(
        "EXPLAIN SELECT id FROM executions WHERE deadline_at <= now() AND completed_at IS NULL AND stopping IS NULL"
    ).fetchall()
    assert "deadline" in "\n".join(line for (line,) in plan)
