"""What children use is shown with their parents, and counted once, whatever crashes in between."""

import psycopg
import pytest

from shared import ids
from shared.broker import StepRef
from shared.engine import report
from shared.engine.cancel import cancel_execution
from shared.engine.report import report_child, unreported
from shared.queries import executions, stats
from shared.queries.shapes import Viewer
from tests.factories import node
from tests.integration.clockwork.scene import Scene
from tests.integration.worker.calling import Calling


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
