"""One message through the pipeline of a worker, with a real Postgres; what it publishes is recorded."""

import time
from typing import Any

from shared.broker import StepRef
from tests.integration.clockwork.scene import Scene
from tests.integration.worker.conftest import Pipeline


def test_a_message_runs_its_step_and_publishes_the_next(scene: Scene, pipeline: Pipeline) -> None:
    started = scene.start()
    assert pipeline.process(started.ready[0]) == [StepRef(started.id, "b", "", "default")]
    assert pipeline.process(StepRef(started.id, "b", "", "default")) == []
    assert scene.execution(started.id)["state"] == "success"


def test_a_message_that_came_twice_does_nothing(scene: Scene, pipeline: Pipeline) -> None:
    first = scene.start().ready[0]
    pipeline.process(first)
    assert pipeline.process(first) == []
    assert scene.step(first)["attempt"] == 1


def test_a_redelivered_message_publishes_what_a_crash_may_have_lost(scene: Scene, pipeline: Pipeline) -> None:
    """The worker died between the commit and the publish: the broker gives the message to another one."""
    first = scene.start().ready[0]
    scene.complete(scene.claim(first))
    second = StepRef(first.execution_id, "b", "", "default")
    assert pipeline.process(first, redelivered=True) == [second]
    assert pipeline.process(second) == []
    assert pipeline.process(first, redelivered=True) == [], "b has run: nothing is missing"


SLOW = {"type": "simulate", "params": {"durationMs": 20_000, "failureRate": 0}}


def attempt(scene: Scene, pipeline: Pipeline, **node: Any) -> StepRef:
    """The first attempt of a run whose only step takes twenty seconds: over in far less than that."""
    scene.use({"schema": 1, "containers": [{"id": "c", "nodes": [{"id": "a", **SLOW, **node}]}]})
    (ref,) = scene.start().ready
    began = time.monotonic()
    pipeline.process(ref)
    assert time.monotonic() - began < 5
    return ref


def error_of(scene: Scene, ref: StepRef) -> dict[str, Any]:
    found = scene.one("SELECT error FROM execution_data WHERE execution_id = %s AND node = 'a'", ref.execution_id)
    return dict(found["error"])


def test_an_attempt_that_takes_longer_than_its_limit_is_stopped(scene: Scene, pipeline: Pipeline) -> None:
    ref = attempt(scene, pipeline, timeoutMs=100)
    error = error_of(scene, ref)
    assert scene.execution(ref.execution_id)["state"] == "failed"
    assert error["code"] == "STEP_TIMEOUT"
    assert "limit of 0.1 s. Raise the node's own `timeoutMs`, beside `params`" in error["message"]


def test_all_attempts_together_take_no_longer_than_their_budget(scene: Scene, pipeline: Pipeline) -> None:
    retry = {"maxAttempts": 5, "backoff": "fixed", "initialMs": 1, "jitter": False, "maxElapsedMs": 400}
    ref = attempt(scene, pipeline, timeoutMs=200, retry=retry)
    began = time.monotonic()
    while scene.execution(ref.execution_id)["state"] != "failed":
        for ready in scene.wake():
            pipeline.process(ready)
    assert time.monotonic() - began < 5
    assert scene.step(ref)["attempt"] == 2
    assert (
        error_of(scene, ref)["message"]
        == "All attempts together took longer than 0.4 s. Raise retry.maxElapsedMs if that is expected."
    )
