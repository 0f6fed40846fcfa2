"""The approval node in a worker: it asks, waits, and goes on as somebody decided, or as its timer says."""

from typing import Any

import pytest

from shared.broker import StepRef
from shared.db import waits
from shared.engine.answer import answer_step
from shared.engine.cancel import cancel_execution
from shared.queries import approvals
from shared.queries.approvals import Decider
from tests.factories import definition, edge, node
from tests.integration.clockwork.scene import Scene
from tests.integration.worker.conftest import Pipeline

DECIDED = '{"decision": "approve", "by": {"name": "Ada"}, "comment": "fine", "data": {"limit": 5}, "decidedAt": 1}'


def ask(scene: Scene, **params: Any) -> StepRef:
    """Start a run whose first step asks; `yes` and `no` follow."""
    asking = node("ask", "approval", {"message": "Pay {{ input.amount | default(7) }}?", **params})
    yes = node("yes", params={"output": "{{ steps.ask.output }}"})
    scene.use(
        definition(asking, yes, node("no"), edges=[edge("ask", "yes", "approved"), edge("ask", "no", "rejected")])
    )
    return scene.start().ready[0]


def output(scene: Scene, ref: StepRef, name: str = "ask") -> dict[str, Any]:
    found: dict[str, Any] = scene.one(
        "SELECT output FROM execution_data WHERE execution_id = %s AND node = %s", ref.execution_id, name
    )["output"]
    return found


def test_it_asks_and_goes_on_with_the_decision(scene: Scene, pipeline: Pipeline) -> None:
    ref = ask(scene, approvers=["Ada@Example.com"])
    assert pipeline.follow(ref) == []
    found = waits.find(scene.connection, ref[:3])
    assert found is not None
    assert (found.message, found.approvers, found.expires_at) == ("Pay 7?", ["ada@example.com"], None)
    assert answer_step(scene.connection, ref[:3], "approval", DECIDED) is not None
    assert pipeline.follow(ref) == ["yes"]
    pipeline.follow(ref._replace(node="yes"))
    execution = scene.execution(ref.execution_id)
    assert (execution["state"], execution["steps_executed"], execution["steps_resolved"]) == ("success", 2, 3)
    expected = {"decision": "approve", "by": {"name": "Ada"}, "comment": "fine", "data": {"limit": 5}}
    assert output(scene, ref) == output(scene, ref, "yes") == expected | {"decidedAt": 1, "timedOut": False}


@pytest.mark.parametrize(("on_timeout", "follows"), [(None, "no"), ("reject", "no"), ("approve", "yes")])
def test_its_timer_decides(scene: Scene, pipeline: Pipeline, on_timeout: str | None, follows: str) -> None:
    ref = ask(scene, timeoutMs=50_000, **({"onTimeout": on_timeout} if on_timeout else {}))
    pipeline.follow(ref)
    assert scene.wake() == []
    scene.pass_time(60, ref)
    assert scene.wake() == [ref]
    assert answer_step(scene.connection, ref[:3], "approval", DECIDED) is None, "too late"
    found = waits.find(scene.connection, ref[:3])
    assert found is not None
    assert found.closed_at is not None
    assert pipeline.follow(ref) == [follows]
    assert {"decision": on_timeout or "reject", "by": None, "timedOut": True}.items() <= output(scene, ref).items()


def test_a_time_that_is_over_can_fail_the_step_and_a_retry_asks_again(scene: Scene, pipeline: Pipeline) -> None:
    asking = node("ask", "approval", {"message": "?", "timeoutMs": 50_000, "onTimeout": "fail"})
    scene.use(definition(asking | {"retry": {"maxAttempts": 2, "initialMs": 0}}))
    ref = scene.start().ready[0]
    for last in (False, True):
        pipeline.follow(ref)
        question = waits.find(scene.connection, ref[:3])
        assert question is not None
        assert question.closed_at is None
        scene.pass_time(60, ref)
        scene.wake()
        pipeline.follow(ref)
        if not last:
            assert scene.step(ref)["error_code"] == "APPROVAL_TIMEOUT"
            assert scene.wake() == [ref]
    assert scene.execution(ref.execution_id)["state"] == "failed"


def test_a_cancel_takes_the_question_off_the_list(scene: Scene, pipeline: Pipeline) -> None:
    ref = ask(scene)
    pipeline.follow(ref)
    admin = Decider(scene.user_id, everything=True, runs=True, names=())
    (item,) = approvals.page(scene.connection, admin, before=None, limit=9)
    assert (item["message"], item["stepId"], item["stepName"]) == ("Pay 7?", "step-ask", "ask")
    cancel_execution(scene.connection, ref.execution_id)
    assert approvals.page(scene.connection, admin, before=None, limit=9) == []
