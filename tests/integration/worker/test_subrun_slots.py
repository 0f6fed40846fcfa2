"""A run that waits for a slot which only its own callers hold: its step fails at once and says what to change."""

from typing import Any
from uuid import UUID

import pytest

from shared import ids
from shared.broker import StepRef
from shared.engine.admission import admit, release
from tests.factories import definition, node
from tests.integration.clockwork.scene import Scene
from tests.integration.worker.calling import Calling


def publish(scene: Scene, workflow: UUID, version: UUID) -> None:
    scene.connection.execute("UPDATE workflow_versions SET number = NULL WHERE workflow_id = %s", (workflow,))
    scene.connection.execute("UPDATE workflow_versions SET number = 1 WHERE id = %s", (version,))
    scene.connection.execute("UPDATE workflows SET published_version = 1 WHERE id = %s", (workflow,))


def calls_itself(scene: Scene, settings: dict[str, Any], **params: Any) -> None:
    """The scene's workflow runs itself."""
    own = ids.encode(ids.WORKFLOW, scene.workflow_id)
    scene.use(definition(node("call", "workflow.run", {"workflowId": own} | params)) | {"settings": settings})
    publish(scene, scene.workflow_id, scene.version_id)


def admitted(scene: Scene, workflow: UUID | None = None) -> list[StepRef]:
    release(scene.connection)
    return admit(scene.connection, workflow or scene.workflow_id)


def test_a_workflow_with_one_slot_that_runs_itself_fails_at_once(scene: Scene, calling: Calling) -> None:
    calls_itself(scene, {"maxConcurrent": 1})
    scene.start()
    (ref,) = admitted(scene)
    assert calling.pipeline.follow(ref) == []
    error = calling.error(ref)
    assert error["code"] == "SUBFLOW_DEADLOCK"
    for part in ("at most 1 at a time", "the run that holds the slot waits", "settings.maxConcurrent", "`wait`"):
        assert part in error["message"]
    assert (calling.children(), scene.execution(ref.execution_id)["state"]) == ([], "failed")
    assert scene.connection.execute("SELECT count(*) FROM admissions WHERE admitted_at IS NULL").fetchone() == (0,)


def test_as_many_levels_run_as_there_are_slots(scene: Scene, calling: Calling) -> None:
    calls_itself(scene, {"maxConcurrent": 3})
    scene.start()
    (ref,) = admitted(scene)
    for _ in range(2):
        calling.pipeline.follow(ref)
        (ref,) = admitted(scene)
    calling.pipeline.follow(ref)
    assert calling.error(ref)["code"] == "SUBFLOW_DEADLOCK"
    assert "the 3 runs that hold the slots wait" in calling.error(ref)["message"]


def test_a_slot_that_somebody_else_holds_is_waited_for(scene: Scene, calling: Calling) -> None:
    calls_itself(scene, {"maxConcurrent": 2})
    scene.start()
    stranger = scene.start()
    ref, other = admitted(scene)
    child = calling.call(ref)
    assert admitted(scene) == []
    scene.connection.execute(
        "UPDATE executions SET state = 'canceled', completed_at = now() WHERE id = %s", (stranger.id,)
    )
    assert other.execution_id == stranger.id
    assert [each.execution_id for each in admitted(scene)] == [child]


@pytest.mark.parametrize(("given", "blocks"), [("{{ input }}", True), ({"customer": "b"}, False)])
def test_only_the_same_key_blocks(scene: Scene, calling: Calling, given: Any, *, blocks: bool) -> None:
    calls_itself(scene, {"concurrencyKey": "{{ input.customer }}"}, input=given)
    scene.start({"customer": "a"})
    (ref,) = admitted(scene)
    calling.pipeline.follow(ref)
    if blocks:
        error = calling.error(ref)
        assert error["code"] == "SUBFLOW_DEADLOCK"
        assert "at most 1 with the same key at a time" in error["message"]
        assert "settings.maxPerKey" in error["message"]
    else:
        assert [each.execution_id for each in admitted(scene)] == [calling.child_of(ref)]


def test_whoever_does_not_wait_blocks_nobody(scene: Scene, calling: Calling) -> None:
    calls_itself(scene, {"maxConcurrent": 1}, wait=False)
    scene.start()
    (ref,) = admitted(scene)
    child = calling.call(ref)
    assert scene.execution(ref.execution_id)["state"] == "success"
    assert [each.execution_id for each in admitted(scene)] == [child]


def test_a_circle_over_another_workflow_is_found(scene: Scene, calling: Calling) -> None:
    """A runs B, B runs A; A has one slot, and the step of B says so."""
    own = ids.encode(ids.WORKFLOW, scene.workflow_id)
    between = calling.add([node("back", "workflow.run", {"workflowId": own})])
    call = node("call", "workflow.run", {"workflowId": ids.encode(ids.WORKFLOW, between)})
    scene.use(definition(call) | {"settings": {"maxConcurrent": 1}})
    publish(scene, scene.workflow_id, scene.version_id)
    scene.start()
    (ref,) = admitted(scene)
    back = StepRef(calling.call(ref), "back", "", "default")
    calling.pipeline.follow(back)
    assert calling.error(back)["code"] == "SUBFLOW_DEADLOCK"
