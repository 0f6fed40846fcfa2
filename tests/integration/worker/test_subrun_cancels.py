"""The children of a step that is canceled are canceled too, whenever they were started."""

from collections.abc import Callable
from typing import Any

import psycopg

from shared import ids
from shared.broker import StepRef
from shared.domain.outcome import CHILD, Kind
from shared.engine.cancel import CancelResult, cancel_execution
from shared.engine.report import unreported
from shared.engine.start import Started
from shared.engine.subrun import start_child
from shared.nodes.base import Call
from tests.factories import node
from tests.integration.clockwork.scene import Scene
from tests.integration.engine.test_races import Racer, await_waiter
from tests.integration.worker.calling import Calling

Open = Callable[[], psycopg.Connection[Any]]


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
