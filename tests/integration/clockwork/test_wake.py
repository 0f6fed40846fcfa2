"""Timers: what is due becomes ready, and nothing before its time."""

import pytest

from shared.domain.outcome import Kind
from shared.engine.cancel import cancel_execution
from shared.engine.wake import sleepers
from tests.integration.clockwork.scene import Scene


def test_wait_becomes_ready_when_due(scene: Scene) -> None:
    started = scene.start()
    ref = started.ready[0]
    scene.complete(scene.claim(ref), Kind.WAIT, due_s=30.0)
    assert scene.execution(started.id)["state"] == "waiting"
    assert scene.wake() == []
    scene.pass_time(31, ref)
    assert scene.wake() == [ref]
    assert scene.execution(started.id)["state"] == "running"
    again = scene.claim(ref)
    assert again.resumed


def test_retry_becomes_ready_when_due(database_url: str) -> None:
    scene = Scene(database_url, retry={"maxAttempts": 2, "initialMs": 5000, "jitter": False})
    ref = scene.start().ready[0]
    scene.complete(scene.claim(ref), Kind.FAILED, retryable=True, error_code="X", error='{"code":"X"}')
    assert scene.step(ref)["state"] == "retrying"
    assert 4 < scene.step(ref)["due_s"] < 6
    assert scene.wake() == []
    scene.pass_time(6, ref)
    assert scene.wake() == [ref]
    assert scene.claim(ref).attempt == 2
    scene.connection.close()


def test_next_timer_is_known_ahead(scene: Scene) -> None:
    ref = scene.start().ready[0]
    scene.complete(scene.claim(ref), Kind.WAIT, due_s=30.0)
    assert sleepers(scene.connection, ahead_s=0.2).next_s is None
    assert sleepers(scene.connection, ahead_s=60).next_s == pytest.approx(30, abs=1)
    assert sleepers(scene.connection, ahead_s=60).due == []


def test_canceled_wait_never_wakes(scene: Scene) -> None:
    started = scene.start()
    scene.complete(scene.claim(started.ready[0]), Kind.WAIT, due_s=0.0)
    found = sleepers(scene.connection)
    assert len(found.due) == 1
    cancel_execution(scene.connection, started.id)
    assert scene.wake() == []
    assert scene.execution(started.id)["state"] == "canceled"


def test_limit_leaves_the_rest_for_the_next_pass(scene: Scene) -> None:
    refs = [scene.start().ready[0] for _ in range(3)]
    for ref in refs:
        scene.complete(scene.claim(ref), Kind.WAIT, due_s=0.0)
    first = scene.wake(2)
    assert len(first) == 2
    assert sorted(first + scene.wake(2)) == sorted(refs)
