"""Workflows that run workflows: one child for each attempt, whoever dies; its end comes back once."""

from collections.abc import Callable
from typing import Any

import psycopg
import pytest

from shared import ids
from shared.domain.errors import NodeError, StaleFence
from shared.domain.outcome import CHILD, Kind
from shared.engine.cancel import cancel_execution
from shared.engine.report import report_child, unreported
from shared.engine.start import Started
from shared.engine.subrun import start_child
from shared.nodes.base import Call
from shared.nodes.workflow_run import ended
from tests.factories import node
from tests.integration.clockwork.scene import Scene
from tests.integration.engine.test_races import Racer, await_waiter
from tests.integration.worker.calling import Calling

Open = Callable[[], psycopg.Connection[Any]]


def test_the_output_of_the_child_is_that_of_the_step(scene: Scene, calling: Calling) -> None:
    ref = calling.begin()
    child = calling.call(ref)
    row = scene.execution(child)
    assert (row["trigger_type"], row["parent_id"], row["depth"], row["awaited"]) == (
        "workflow",
        ref.execution_id,
        1,
        True,
    )
    assert (row["user_id"], row["workflow_id"]) == (scene.user_id, calling.child_workflow)
    assert [started.id for started in calling.pipeline.children] == [child]
    assert (scene.step(ref)["state"], scene.step(ref)["due_at"]) == ("waiting", None)
    assert scene.execution(ref.execution_id)["state"] == "waiting"
    assert calling.report() == [], "it is not over"

    calling.run_child(child)
    assert calling.report() == [ref]
    assert calling.report() == []
    assert scene.execution(child)["awaited"] is False
    assert calling.pipeline.follow(ref) == ["last"]
    calling.pipeline.follow(ref._replace(node="last"))
    assert scene.execution(ref.execution_id)["state"] == "success"
    assert calling.output(ref) == {"got": 7}


def test_without_waiting_the_step_ends_with_the_id(scene: Scene, calling: Calling) -> None:
    ref = calling.begin(params={"wait": False})
    assert calling.pipeline.follow(ref) == ["last"]
    child = calling.child_of(ref)
    calling.pipeline.follow(ref._replace(node="last"))
    assert calling.output(ref) == {"executionId": ids.encode(ids.EXECUTION, child)}
    assert scene.execution(child)["awaited"] is False
    cancel_execution(scene.connection, ref.execution_id)
    calling.run_child(child)
    assert scene.execution(child)["state"] == "success"


def test_a_worker_that_dies_after_the_start_starts_no_other(scene: Scene, calling: Calling) -> None:
    ref = calling.begin()
    claimed = scene.claim(ref)
    call = Call(calling.child_workflow, {"n": 7})
    first = start_child(scene.connection, claimed.key, claimed.fence, call)
    assert start_child(scene.connection, claimed.key, claimed.fence, call).id == first.id, "a commit in doubt"
    scene.pass_time(60, ref)
    assert scene.expire() == [ref]
    with pytest.raises(StaleFence):
        start_child(scene.connection, claimed.key, claimed.fence, call)
    assert calling.call(ref) == first.id
    assert calling.children() == [first.id]
    calling.run_child(first.id)
    assert calling.report() == [ref]
    assert calling.pipeline.follow(ref) == ["last"]


def test_a_child_that_is_over_before_its_parent_waits(scene: Scene, calling: Calling) -> None:
    ref = calling.begin()
    claimed = scene.claim(ref)
    child = start_child(scene.connection, claimed.key, claimed.fence, Call(calling.child_workflow, {"n": 7}))
    calling.run_child(child.id)
    assert calling.report() == [], "its parent does not wait yet"
    assert unreported(scene.connection) == []
    scene.complete(claimed, Kind.WAIT, ask=CHILD)
    assert scene.wake() == [ref]
    assert calling.pipeline.follow(ref) == ["last"]


@pytest.mark.parametrize("report_first", [True, False])
def test_a_report_that_meets_the_beginning_of_the_wait(
    scene: Scene, calling: Calling, other: Open, *, report_first: bool
) -> None:
    """Whoever takes the parent's lock second sees the other: the step is woken once, by the report or by the wait."""
    ref = calling.begin()
    claimed = scene.claim(ref)
    child = start_child(scene.connection, claimed.key, claimed.fence, Call(calling.child_workflow, {"n": 7}))
    calling.run_child(child.id)
    one = other()
    with one.transaction():
        one.execute("SELECT FROM executions WHERE id = %s FOR NO KEY UPDATE", (ref.execution_id,))
        reporting = other()
        moves = [
            lambda: report_child(reporting, child.id).ready,
            lambda: scene.complete(claimed, Kind.WAIT, ask=CHILD).accepted,
        ]
        first, second = moves if report_first else moves[::-1]
        watch = other()
        racers = [Racer(first)]
        await_waiter(watch)
        racers.append(Racer(second))
        while watch.execute(
            "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()"
        ).fetchone() != (2,):
            pass
    for racer in racers:
        racer.join()
    if scene.step(ref)["state"] == "waiting":
        assert scene.wake() == [ref]
    assert scene.step(ref)["state"] == "ready"
    assert calling.pipeline.follow(ref) == ["last"]
    assert unreported(scene.connection) == []


FAIL = {"code": "NO_MONEY", "message": "There is none."}


def test_the_failure_of_the_child_fails_the_step(scene: Scene, calling: Calling) -> None:
    ref = calling.begin(workflow=calling.add([node("work", "fail", FAIL)]), retry={"maxAttempts": 3, "initialMs": 0})
    child = calling.call(ref)
    calling.run_child(child)
    assert calling.report() == [ref]
    calling.pipeline.follow(ref)
    assert scene.execution(ref.execution_id)["state"] == "failed"
    error = calling.error(ref)
    assert error["code"] == "CHILD_FAILED"
    for part in ("There is none.", "NO_MONEY", ids.encode(ids.EXECUTION, child)):
        assert part in error["message"]
    assert calling.children() == [child], "no retry unless retry.only names it"


def test_of_a_chain_of_failed_runs_the_last_one_says_why() -> None:
    text = "The run exec-2 of Bottom failed: There is none. (NO_MONEY)"
    child = {"status": "failed", "executionId": "exec-1", "workflowName": "Middle"}
    with pytest.raises(NodeError) as raised:
        ended({**child, "error": {"code": "CHILD_FAILED", "message": text}})
    assert (raised.value.code, raised.value.message) == ("CHILD_FAILED", text)


def test_a_retry_starts_another_child_and_a_lost_worker_does_not(scene: Scene, calling: Calling) -> None:
    retry = {"maxAttempts": 2, "initialMs": 0, "only": ["CHILD_FAILED"]}
    ref = calling.begin(workflow=calling.add([node("work", "fail", FAIL)]), retry=retry)
    first = calling.call(ref)
    calling.run_child(first)
    assert calling.report() == [ref]
    # A worker reads how the child ended, and dies before it can say so.
    resumed = scene.claim(ref)
    assert resumed.resumed
    outside: Any = calling.pipeline.runner._outside
    assert outside.answer(resumed)["status"] == "failed"
    scene.pass_time(60, ref)
    assert scene.expire() == [ref]
    calling.pipeline.follow(ref)
    assert (scene.step(ref)["state"], scene.step(ref)["error_code"]) == ("retrying", "CHILD_FAILED")
    assert calling.children() == [first]
    assert scene.wake() == [ref]
    second = calling.call(ref)
    assert second != first
    assert calling.children() == [first, second]
    assert scene.step(ref)["state"] == "waiting"
    report_child(scene.connection, first)
    assert scene.step(ref)["state"] == "waiting", "it waits for the second one"
    calling.run_child(second)
    assert calling.report() == [ref]
    calling.pipeline.follow(ref)
    assert scene.execution(ref.execution_id)["state"] == "failed"


def test_a_canceled_child_is_said_so(scene: Scene, calling: Calling) -> None:
    ref = calling.begin(onError="continue")
    child = calling.call(ref)
    cancel_execution(scene.connection, child)
    assert calling.report() == [ref]
    assert calling.pipeline.follow(ref) == ["last"]
    assert calling.error(ref)["code"] == "CHILD_CANCELED"


def test_each_item_of_a_loop_runs_a_child_of_its_own(scene: Scene, calling: Calling) -> None:
    id = ids.encode(ids.WORKFLOW, calling.child_workflow)
    call = node("call", "workflow.run", {"workflowId": id, "input": {"n": "{{ item }}"}})
    scene.use({"schema": 1, "containers": [{"id": "loop", "forEach": [5, 6, 7], "maxParallel": 3, "nodes": [call]}]})
    started = scene.start()
    calling.pipeline.drain(started)
    for child in calling.children():
        calling.run_child(child)
    calling.pipeline.drain(Started(started.id, calling.report()))
    assert scene.execution(started.id)["state"] == "success"
    assert calling.output(started.ready[0], "loop") == [{"got": 5}, {"got": 6}, {"got": 7}]
