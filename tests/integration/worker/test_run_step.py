"""One message through the pipeline of a worker, with a real Postgres; what it publishes is recorded."""

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
