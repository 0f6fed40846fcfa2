"""What a step cannot start fails it by name."""

import pytest

from shared import ids
from shared.broker import StepRef
from tests.integration.clockwork.scene import Scene
from tests.integration.worker.calling import Calling


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ("UPDATE workflows SET archived_at = now() WHERE id = %s", "WORKFLOW_NOT_FOUND"),
        ("UPDATE workflows SET enabled = false WHERE id = %s", "WORKFLOW_DISABLED"),
        ("UPDATE workflows SET published_version = NULL WHERE id = %s", "NOT_PUBLISHED"),
    ],
)
def test_what_cannot_run_fails_the_step_by_name(scene: Scene, calling: Calling, change: str, code: str) -> None:
    scene.connection.execute(change.encode(), (calling.child_workflow,))
    ref = calling.begin()
    calling.pipeline.follow(ref)
    assert calling.error(ref)["code"] == code
    assert calling.children() == []


def test_whoever_runs_the_parent_must_see_the_child(scene: Scene, calling: Calling) -> None:
    scene.connection.execute("UPDATE users SET role = 'editor'")
    (other,) = scene.connection.execute(
        "INSERT INTO users (email, name, role) VALUES ('o@example.com', 'O', 'editor') RETURNING id"
    ).fetchall()
    scene.connection.execute("UPDATE workflows SET owner_id = %s WHERE id = %s", (other[0], calling.child_workflow))
    ref = calling.begin()
    calling.pipeline.follow(ref)
    assert calling.error(ref)["code"] == "WORKFLOW_NOT_FOUND"


def test_whoever_published_the_parent_must_see_the_child_too(scene: Scene, calling: Calling) -> None:
    """An editor's expression names a private workflow of the owner, and a webhook runs it in the owner's name."""
    scene.connection.execute("UPDATE users SET role = 'editor'")
    (editor,) = scene.connection.execute(
        "INSERT INTO users (email, name, role) VALUES ('e@example.com', 'E', 'editor') RETURNING id"
    ).fetchall()

    def call() -> StepRef:
        ref = calling.begin(params={"workflowId": f"{{{{ '{ids.encode(ids.WORKFLOW, calling.child_workflow)}' }}}}"})
        scene.connection.execute(
            "UPDATE workflow_versions SET created_by = %s WHERE id = %s", (editor[0], scene.version_id)
        )
        calling.pipeline.follow(ref)
        return ref

    assert calling.error(call())["code"] == "WORKFLOW_NOT_FOUND"
    assert calling.children() == []
    scene.connection.execute("UPDATE workflows SET shared = true WHERE id = %s", (calling.child_workflow,))
    call()
    assert len(calling.children()) == 1


def test_a_version_can_be_chosen(scene: Scene, calling: Calling) -> None:
    scene.connection.execute("UPDATE workflows SET published_version = NULL WHERE id = %s", (calling.child_workflow,))
    assert scene.execution(calling.call(calling.begin(params={"version": 1})))["state"] == "queued"
    ref = calling.begin(params={"version": 2})
    calling.pipeline.follow(ref)
    assert calling.error(ref)["code"] == "VERSION_NOT_FOUND"


def test_a_workflow_that_runs_itself_ends_at_a_depth(scene: Scene, calling: Calling) -> None:
    ref = calling.begin()
    scene.connection.execute("UPDATE executions SET depth = 10 WHERE id = %s", (ref.execution_id,))
    calling.pipeline.follow(ref)
    assert calling.error(ref)["code"] == "SUBFLOW_DEPTH"
