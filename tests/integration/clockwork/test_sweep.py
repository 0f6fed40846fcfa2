"""The sweeper: a lost message is sent again, a waiting one is not."""

from datetime import timedelta

import pytest

from shared.db.pool import connect
from shared.engine.settle import settle_stranded, stranded
from shared.engine.sweep import QueueState, progress, something_due, sweep
from tests.integration.clockwork.scene import Scene

EMPTY = [QueueState("default", 1, empty=True)]
FULL = [QueueState("default", 1, empty=False)]


def test_fresh_step_is_left_alone(scene: Scene) -> None:
    scene.start()
    assert not something_due(scene.connection)
    assert sweep(scene.connection, EMPTY) == []


def test_step_without_message_in_an_empty_queue_is_published_again_each_time_later(scene: Scene) -> None:
    ref = scene.start().ready[0]
    for expected_s in (10, 20, 40, 80, 160, 300, 300):
        scene.connection.execute("UPDATE steps SET ready_at = now() - interval '6 s', due_at = now()")
        assert something_due(scene.connection)
        assert sweep(scene.connection, EMPTY) == [ref]
        assert scene.step(ref)["due_s"] == pytest.approx(expected_s, abs=1)
        assert sweep(scene.connection, EMPTY) == []


def test_step_in_a_queue_with_messages_waits_for_its_turn(scene: Scene) -> None:
    ref = scene.start().ready[0]
    scene.pass_time(60, ref)
    assert sweep(scene.connection, FULL) == []
    assert scene.step(ref)["republished"] == 0


def test_step_that_its_queue_went_past_is_published_again(scene: Scene) -> None:
    lost, running = scene.start().ready[0], scene.start().ready[0]
    scene.pass_time(60, lost)
    ready_at = scene.step(running)["ready_at"]
    scene.claim(running)
    assert progress(scene.connection) == {("default", 1): ready_at}
    near = [QueueState("default", 1, empty=False, reached=scene.step(lost)["ready_at"] + timedelta(seconds=4))]
    assert sweep(scene.connection, near) == []
    assert sweep(scene.connection, [QueueState("default", 1, empty=False, reached=ready_at)]) == [lost]


def test_other_queues_do_not_matter(scene: Scene) -> None:
    ref = scene.start().ready[0]
    scene.pass_time(60, ref)
    others = [
        QueueState("default", 0, empty=True),
        QueueState("default", 2, empty=True),
        QueueState("ai", 1, empty=True),
    ]
    assert sweep(scene.connection, others) == []


def test_row_in_work_is_skipped(scene: Scene) -> None:
    refs = [scene.start().ready[0] for _ in range(2)]
    scene.pass_time(60, *refs)
    with connect(scene.database_url, application_name="worker") as worker:
        worker.execute("SELECT FROM steps WHERE execution_id = %s FOR UPDATE", (refs[0].execution_id,))
        assert sweep(scene.connection, EMPTY) == [refs[1]]


def test_limit(scene: Scene) -> None:
    refs = [scene.start().ready[0] for _ in range(3)]
    scene.pass_time(60, *refs)
    first = sweep(scene.connection, EMPTY, limit=2)
    assert len(first) == 2
    assert sorted(first + sweep(scene.connection, EMPTY, limit=2)) == sorted(refs)


@pytest.mark.parametrize(
    ("stopping", "steps", "state"),
    [
        ("cancel", "canceled", "canceled"),
        ("fail", "failed", "failed"),
        (None, "success", "success"),
        (None, "pending", "failed"),
    ],
)
def test_execution_without_open_steps_is_ended(scene: Scene, stopping: str | None, steps: str, state: str) -> None:
    started = scene.start()
    scene.claim(started.ready[0])
    assert stranded(scene.connection) == []
    assert settle_stranded(scene.connection, started.id) is None
    scene.connection.execute("UPDATE executions SET stopping = %s", (stopping,))
    scene.connection.execute("UPDATE steps SET state = %s, due_at = NULL", (steps,))
    assert stranded(scene.connection) == [started.id]
    assert settle_stranded(scene.connection, started.id) == state
    assert settle_stranded(scene.connection, started.id) is None
    execution = scene.execution(started.id)
    assert (execution["state"], execution["open_steps"]) == (state, 0)
    assert scene.one("SELECT state FROM stats_delta")["state"] == state


def test_after_an_outage_nobody_waits(scene: Scene) -> None:
    fresh, older = scene.start().ready[0], scene.start().ready[0]
    scene.pass_time(3, older)
    assert sweep(scene.connection, FULL, outage=True) == []
    assert sweep(scene.connection, EMPTY, outage=True) == [older, fresh], "the oldest first"
    assert sweep(scene.connection, EMPTY, outage=True) == [], "and once"
