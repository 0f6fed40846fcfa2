"""Workflows that run workflows: one child for each attempt, whoever dies; its end comes back once, its use is added once."""

from collections.abc import Callable
from typing import Any

import psycopg
import pytest

from shared import ids
from shared.broker import StepRef
from shared.domain.errors import StaleFence
from shared.domain.outcome import CHILD, Kind
from shared.engine import report
from shared.engine.cancel import CancelResult, cancel_execution
from shared.engine.report import report_child, unreported
from shared.engine.start import Started
from shared.engine.subrun import start_child
from shared.nodes.base import Call
from shared.queries import executions, stats
from shared.queries.shapes import Viewer
from tests.factories import node
from tests.integration.clockwork.scene import Scene
from tests.integration.engine.test_races import Racer, await_waiter
from tests.integration.worker.calling import Calling
from tests.integration.worker.conftest import Pipeline

Open = Callable[[], psycopg.Connection[Any]]


@pytest.fixture
def calling(scene: Scene, pipeline: Pipeline) -> Calling:
    return Calling(scene, pipeline)


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


def test_a_crash_between_parent_and_child_reports_twice_and_counts_once(
    scene: Scene, calling: Calling, monkeypatch: pytest.MonkeyPatch
) -> None:
    work = {"durationMs": 0, "failureRate": 0, "tokensMin": 5, "tokensMax": 5}
    ref = calling.begin(workflow=calling.add([node("work", "simulate", work)]))
    child = calling.call(ref)
    calling.run_child(child)
    with monkeypatch.context() as patch:
        patch.setattr(report, "FORGET", "SELECT 1 / 0 WHERE %(id)s IS NOT NULL")
        with pytest.raises(psycopg.errors.DivisionByZero):
            report_child(scene.connection, child)
    assert unreported(scene.connection) == [child]
    assert calling.report() == [], "its step was woken the first time"
    assert scene.execution(ref.execution_id)["child_ai_tokens"] == 5
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


def test_a_cancel_takes_children_and_their_children_along(scene: Scene, calling: Calling) -> None:
    inner = ids.encode(ids.WORKFLOW, calling.child_workflow)
    middle = calling.add([node("work", "workflow.run", {"workflowId": inner})])
    ref = calling.begin(workflow=middle)
    child = calling.call(ref)
    grandchild = calling.call(StepRef(child, "work", "", "default"))
    assert scene.execution(grandchild)["depth"] == 2
    assert cancel_execution(scene.connection, ref.execution_id) is CancelResult.CANCELED
    assert calling.cancel_orphans() == [child, grandchild]
    assert {scene.execution(id)["state"] for id in (child, grandchild)} == {"canceled"}
    calling.report()
    calling.report()
    assert unreported(scene.connection) == []


def test_a_child_that_was_started_while_its_parent_was_canceled(scene: Scene, calling: Calling) -> None:
    ref = calling.begin()
    claimed = scene.claim(ref)
    assert cancel_execution(scene.connection, ref.execution_id) is CancelResult.CANCELING
    child = start_child(scene.connection, claimed.key, claimed.fence, Call(calling.child_workflow, {}))
    assert calling.cancel_orphans() == []
    scene.complete(claimed, Kind.WAIT, ask=CHILD)
    assert scene.execution(ref.execution_id)["state"] == "canceled"
    assert calling.cancel_orphans() == [child.id]


def test_a_lost_worker_of_a_canceled_parent_leaves_no_child(scene: Scene, calling: Calling) -> None:
    ref = calling.begin()
    claimed = scene.claim(ref)
    child = start_child(scene.connection, claimed.key, claimed.fence, Call(calling.child_workflow, {}))
    cancel_execution(scene.connection, ref.execution_id)
    scene.pass_time(60, ref)
    scene.expire()
    assert scene.execution(ref.execution_id)["state"] == "canceled"
    assert calling.cancel_orphans() == [child.id]


def test_what_children_used_is_shown_with_their_parents_and_counted_once(scene: Scene, calling: Calling) -> None:
    """Three levels of five tokens each; the statistics say what the executions say."""
    work = {"durationMs": 0, "failureRate": 0, "tokensMin": 5, "tokensMax": 5}
    inner = calling.add([node("work", "simulate", work)])
    call = node("call", "workflow.run", {"workflowId": ids.encode(ids.WORKFLOW, inner)})
    middle = calling.add([node("work", "simulate", work), call])
    ref = calling.begin(workflow=middle)
    child = calling.call(ref)
    calling.run_child(child)
    inside = StepRef(child, "call", "", "default")
    grandchild = calling.call(inside)
    calling.run_child(grandchild)
    assert calling.report() == [inside]
    calling.pipeline.follow(inside)
    assert calling.report() == [ref]
    calling.pipeline.follow(ref)
    calling.pipeline.follow(ref._replace(node="last"))
    eyes = Viewer(scene.user_id, everything=True)
    shown = []
    for id in (ref.execution_id, child, grandchild):
        row = executions.row(scene.connection, id, eyes)
        assert row is not None
        shape = executions.record(scene.connection, row)
        shown.append((shape["aiTokensUsed"], shape.get("childAiTokensUsed"), shape.get("parentStepId")))
    assert shown == [(10, 10, None), (10, 5, "step-call"), (5, None, "step-call")]
    assert stats.user_stats(scene.connection, [scene.user_id])[scene.user_id]["aiTokensUsed"] == 10
    assert stats.counted(scene.connection) == stats.recount(scene.connection)


def test_what_a_canceled_grandchild_used_arrives_though_its_parent_reported_before(
    scene: Scene, calling: Calling
) -> None:
    work = {"durationMs": 0, "failureRate": 0, "tokensMin": 5, "tokensMax": 5}
    inner = calling.add([node("work", "simulate", work), node("more")])
    middle = calling.add([node("work", "workflow.run", {"workflowId": ids.encode(ids.WORKFLOW, inner)})])
    ref = calling.begin(workflow=middle)
    child = calling.call(ref)
    grandchild = calling.call(StepRef(child, "work", "", "default"))
    calling.run_child(grandchild)
    cancel_execution(scene.connection, ref.execution_id)
    assert calling.cancel_orphans() == [child, grandchild]
    report_child(scene.connection, child)
    assert unreported(scene.connection) == [grandchild]
    calling.report()
    assert unreported(scene.connection) == [child], "it has more to say"
    calling.report()
    assert unreported(scene.connection) == []
    assert scene.execution(ref.execution_id)["child_ai_tokens"] == 5


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


def test_a_cancel_that_meets_the_start_of_a_child(scene: Scene, calling: Calling, other: Open) -> None:
    """The outcome of the step waits for the start; no child is left over."""
    ref = calling.begin()
    claimed = scene.claim(ref)
    starting, ending = other(), other()
    with starting.transaction():
        child = start_child(starting, claimed.key, claimed.fence, Call(calling.child_workflow, {}))
        cancel_execution(scene.connection, ref.execution_id)
        racer = Racer(lambda: Scene.complete(_on(scene, ending), claimed, Kind.STOPPED).accepted)
        await_waiter(scene.connection)
    assert racer.join() is True
    assert scene.execution(ref.execution_id)["state"] == "canceled"
    assert calling.cancel_orphans() == [child.id]


def _on(scene: Scene, connection: psycopg.Connection[Any]) -> Scene:
    """The same scene over another connection."""
    other = object.__new__(Scene)
    other.__dict__.update(scene.__dict__ | {"connection": connection})
    return other


def test_a_scope_that_is_given_up_takes_its_children_along(scene: Scene, calling: Calling) -> None:
    """The run goes on: only the children of the steps inside are canceled."""
    id = ids.encode(ids.WORKFLOW, calling.child_workflow)
    call = node("call", "workflow.run", {"workflowId": id, "input": "{{ item }}"})
    fails = node("odd", "fail", {"code": "ODD", "message": "Item {{ index }} is odd."})
    check = node("check", "branch", {"condition": "{{ item == 1 }}"})
    edges = [{"from": "check", "port": "true", "to": "odd"}]
    loop = {"id": "loop", "forEach": [0, 1], "maxParallel": 2, "onError": "port", "nodes": [call, check, fails]}
    scene.use({"schema": 1, "containers": [loop], "edges": edges})
    started = scene.start()
    (loop_ref,) = started.ready
    following = calling.pipeline.process(loop_ref)
    calls = [ref for ref in following if ref.node == "call"]
    children = [calling.call(ref) for ref in calls]
    assert len(children) == 2
    rest = [ref for ref in following if ref.node != "call"]
    calling.pipeline.drain(Started(started.id, rest))
    assert scene.step(calls[0])["state"] == "canceled"
    assert calling.cancel_orphans() == children
    calling.report()
    assert {scene.execution(child)["state"] for child in children} == {"canceled"}


def test_the_loser_of_a_race_takes_its_child_along(scene: Scene, calling: Calling) -> None:
    id = ids.encode(ids.WORKFLOW, calling.child_workflow)
    nodes = [node("slow", "workflow.run", {"workflowId": id}), node("fast"), node("end", join="first")]
    edges = [{"from": "slow", "to": "end"}, {"from": "fast", "to": "end"}]
    scene.use({"schema": 1, "containers": [{"id": "main", "nodes": nodes}], "edges": edges})
    started = scene.start()
    refs = {ref.node: ref for ref in started.ready}
    child = calling.call(refs["slow"])
    assert calling.pipeline.follow(refs["fast"]) == ["end"]
    assert scene.step(refs["slow"])["state"] == "canceled"
    assert calling.cancel_orphans() == [child]
    calling.pipeline.follow(refs["fast"]._replace(node="end"))
    assert scene.execution(started.id)["state"] == "success"


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
