"""Failure workflows: started once for each run that failed, however it failed, with the error as input."""

from typing import Any
from uuid import UUID

import psycopg
import pytest

from services.worker.loops.base import Tools
from services.worker.loops.follow_ups import FollowUps
from shared import ids
from shared.domain.outcome import Kind
from shared.engine.deadline import time_out
from shared.engine.follow_up import FollowUp, follow_up
from shared.settings import Settings
from tests.factories import definition, node
from tests.integration.clockwork.scene import Row, Scene


class FailureScene(Scene):
    """Two workflows: the scene's one names the other as its failure workflow."""

    def __init__(self, database_url: str) -> None:
        super().__init__(database_url)
        nodes = [{"id": "tell", "type": "transform", "params": {"output": "{{ input.error.message }}"}}]
        self.rescue_id, self.rescue_version = self.add_workflow(nodes)
        self.connection.execute("UPDATE workflow_versions SET number = 1 WHERE id = %s", (self.rescue_version,))
        self.connection.execute("UPDATE workflows SET published_version = 1 WHERE id = %s", (self.rescue_id,))
        self.set(onFailure=ids.encode(ids.WORKFLOW, self.rescue_id), timeoutMs=60_000)

    def set(self, **settings: Any) -> None:
        """Run the first workflow, `a` then `b`, with these settings from now on."""
        self.use(definition(node("a", name="Fetch"), node("b")) | {"settings": settings})

    def fail(self) -> UUID:
        """A run whose first step fails for good."""
        claimed = self.claim(self.start().ready[0])
        self.complete(claimed, Kind.FAILED, error_code="HTTP_STATUS", error='{"code":"HTTP_STATUS","message":"502"}')
        assert self.execution(claimed.key[0])["state"] == "failed"
        return claimed.key[0]

    def input_of(self, execution_id: UUID) -> Row:
        """What an execution was started with."""
        found: Row = self.one("SELECT input FROM execution_data WHERE execution_id = %s AND node = ''", execution_id)
        return dict(found["input"])

    def log_of(self, execution_id: UUID) -> list[str]:
        """Its log's messages."""
        rows = self.connection.execute("SELECT message FROM execution_logs WHERE execution_id = %s", (execution_id,))
        return [row[0] for row in rows]


@pytest.fixture
def scene(database_url: str) -> Any:
    made = FailureScene(database_url)
    yield made
    made.connection.close()


def started(done: FollowUp | None) -> UUID:
    assert done is not None
    assert done.started is not None
    return done.started.id


def test_a_failed_run_is_followed_once_with_its_error(scene: FailureScene) -> None:
    assert follow_up(scene.connection) is None
    failed = scene.fail()
    id = started(follow_up(scene.connection))
    assert follow_up(scene.connection) is None, "once"
    row = scene.execution(id)
    expected = (scene.rescue_id, scene.rescue_version, scene.user_id, "workflow", failed)
    assert (row["workflow_id"], row["version_id"], row["user_id"], row["trigger_type"], row["parent_id"]) == expected
    given = scene.input_of(id)
    assert given["error"] == {"code": "HTTP_STATUS", "message": "502", "step": "Fetch", "nodeId": "a"}
    assert given["execution"]["id"] == ids.encode(ids.EXECUTION, failed)
    assert (given["execution"]["status"], given["execution"]["workflowName"]) == ("failed", "W")


def test_a_run_that_timed_out_is_followed_too(scene: FailureScene) -> None:
    claimed = scene.claim(scene.start().ready[0])
    scene.complete(claimed, Kind.WAIT, due_s=3_600.0)
    scene.connection.execute("UPDATE executions SET deadline_at = now() WHERE id = %s", (claimed.key[0],))
    assert time_out(scene.connection, claimed.key[0]) is not None
    assert scene.input_of(started(follow_up(scene.connection)))["error"]["code"] == "RUN_TIMEOUT"


def test_success_and_the_failure_of_a_failure_workflow_are_not_followed(scene: FailureScene) -> None:
    scene.run_through()
    assert follow_up(scene.connection) is None
    scene.connection.execute("UPDATE workflows SET published_version = 7 WHERE id = %s", (scene.workflow_id,))
    scene.connection.execute("UPDATE workflow_versions SET number = 7 WHERE id = %s", (scene.version_id,))
    scene.set(onFailure={"workflowId": ids.encode(ids.WORKFLOW, scene.workflow_id)})
    scene.fail()
    done = follow_up(scene.connection)
    assert done is not None
    assert done.started is not None
    (ref,) = done.started.ready
    scene.complete(scene.claim(ref), Kind.FAILED, error_code="X", error='{"code":"X","message":"x"}')
    assert scene.execution(done.started.id)["state"] == "failed"
    assert follow_up(scene.connection) is None, "a workflow that follows itself does so once"


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ("UPDATE workflows SET archived_at = now() WHERE id = %s", "no such workflow"),
        ("UPDATE workflows SET enabled = false WHERE id = %s", "disabled"),
        ("UPDATE workflows SET published_version = NULL WHERE id = %s", "never published"),
    ],
)
def test_one_that_cannot_run_is_named_in_the_log_and_not_tried_again(
    scene: FailureScene, change: str, reason: str
) -> None:
    scene.connection.execute(change.encode(), (scene.rescue_id,))
    failed = scene.fail()
    assert follow_up(scene.connection) == FollowUp(failed, None)
    assert follow_up(scene.connection) is None
    (line,) = scene.log_of(failed)
    assert line.startswith("The failure workflow was not started: ")
    assert reason in line


def test_an_owner_who_may_not_see_it_does_not_start_it(scene: FailureScene) -> None:
    scene.connection.execute("UPDATE users SET role = 'editor' WHERE id = %s", (scene.user_id,))
    (other,) = scene.connection.execute(
        "INSERT INTO users (email, name, role) VALUES ('o@example.com', 'O', 'editor') RETURNING id"
    ).fetchall()
    scene.connection.execute("UPDATE workflows SET owner_id = %s WHERE id = %s", (other[0], scene.rescue_id))
    failed = scene.fail()
    assert follow_up(scene.connection) == FollowUp(failed, None)


@pytest.mark.parametrize(
    ("change", "reason"), [("role = 'viewer'", "is a viewer"), ("disabled_at = now()", "was disabled")]
)
def test_an_owner_who_may_start_nothing_any_more_starts_nothing(scene: FailureScene, change: str, reason: str) -> None:
    failed = scene.fail()
    scene.connection.execute(f"UPDATE users SET {change} WHERE id = %s".encode(), (scene.user_id,))
    assert follow_up(scene.connection) == FollowUp(failed, None)
    (line,) = scene.log_of(failed)
    assert line.startswith(f"The failure workflow was not started: The owner of this workflow {reason}")


def test_two_processes_start_it_once(scene: FailureScene) -> None:
    """The second one does not wait for the first: it finds nothing."""
    scene.fail()
    with psycopg.connect(scene.database_url) as other, other.transaction():
        assert follow_up(other) is not None
        assert follow_up(scene.connection) is None
    assert follow_up(scene.connection) is None
    assert scene.one("SELECT count(*) AS n FROM executions")["n"] == 2


def test_the_loop_publishes_what_it_starts(scene: FailureScene) -> None:
    class Announced(Tools):
        def announce(self, applied: Any, kind: str) -> None:
            said.append((kind, [ref.node for ref in applied.ready], applied.accepted))

    said: list[Any] = []
    scene.fail()
    loop = FollowUps(Announced(Settings(), None, None))  # type: ignore[arg-type]
    assert [loop.run(scene.connection), loop.run(scene.connection)] == [0.0, loop.interval_s]
    assert said == [("followed", ["tell"], 1)]
