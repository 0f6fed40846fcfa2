"""Budgets over the API: who may see and set them, and where they stand; the calls of an execution."""

from collections.abc import Callable
from typing import Any

import psycopg
import pytest

from shared.domain.ai_call import AiCall
from shared.domain.outcome import Kind, Outcome
from shared.engine.batch import Batch, Options, run_batch
from tests.integration.api.asking import claim
from tests.integration.api.caller import Caller

Person = Callable[..., Caller]
CENT = 10_000_000


def use(connection: psycopg.Connection[Any], execution: str, *calls: AiCall) -> None:
    """Let the first step of an execution have used this."""
    claimed = claim(connection, execution)
    outcome = Outcome(
        claimed.key, Kind.DONE, claimed.fence, ai_calls=calls, ai_tokens=sum(each.tokens for each in calls)
    )
    assert run_batch(connection, Batch([], [outcome], Options())).completed[0].accepted


def test_an_owner_sets_reads_and_removes_the_budget_of_a_workflow(
    person: Person, connection: psycopg.Connection[Any]
) -> None:
    owner = person("olga")
    workflow = owner.workflow()
    place = f"/budgets/workflow/{workflow}"
    assert owner("GET", place).json == {"items": [], "nextCursor": None}
    assert owner("PUT", f"{place}/day", {"maxTokens": 1_000}).status_code == 200
    answer = owner("PUT", f"{place}/month", {"maxCostUsd": 0.25})
    assert answer.status_code == 200, answer.json
    use(connection, owner.started(workflow), AiCall(1, "openai", "m", 60, 40, 0, CENT), AiCall(1, "openai", "x"))
    day, month = owner("GET", place).json["items"]
    assert (day["usedTokens"], day["maxTokens"], day["maxCostUsd"]) == (100, 1_000, None)
    assert (month["usedCostUsd"], month["maxCostUsd"], month["unpricedCalls"]) == (0.01, 0.25, 1)
    assert month["beganAt"] <= day["beganAt"] < day["endsAt"] <= month["endsAt"]
    assert month["updatedBy"] == owner.public_id
    assert owner("DELETE", f"{place}/day").status_code == 204
    assert owner("DELETE", f"{place}/day").status_code == 404
    lines = connection.execute(
        "SELECT action, detail FROM audit_log WHERE action LIKE 'budget.%' ORDER BY id"
    ).fetchall()
    assert lines == [
        ("budget.set", {"period": "day", "maxTokens": 1000}),
        ("budget.set", {"period": "month", "maxCostUsd": 0.25}),
        ("budget.delete", {"period": "day"}),
    ]


def test_others_may_not(person: Person, admin: Caller) -> None:
    owner, other = person("olga"), person("otto")
    hidden, shared = owner.workflow(), owner.workflow(shared=True)
    assert other("GET", f"/budgets/workflow/{hidden}").status_code == 404
    assert other("GET", f"/budgets/workflow/{shared}").status_code == 200
    assert other("PUT", f"/budgets/workflow/{shared}/day", {"maxTokens": 1}).status_code == 403
    assert other("PUT", f"/budgets/user/{other.public_id}/day", {"maxTokens": 1}).status_code == 403
    assert other("GET", f"/budgets/user/{owner.public_id}").status_code == 404
    assert other("GET", "/budgets").status_code == 403
    assert admin("PUT", f"/budgets/workflow/{hidden}/day", {"maxTokens": 1}).status_code == 200
    assert admin("PUT", f"/budgets/user/{other.public_id}/month", {"maxTokens": 5}).status_code == 200
    assert [each["maxTokens"] for each in other("GET", f"/budgets/user/{other.public_id}").json["items"]] == [5]
    assert admin("PUT", "/budgets/user/user-00000000000000000000000001/day", {"maxTokens": 1}).status_code == 404
    assert admin("DELETE", f"/budgets/user/{other.public_id}/month").status_code == 204


@pytest.mark.parametrize(
    "body",
    [{}, {"maxTokens": 0}, {"maxTokens": "5"}, {"maxCostUsd": 0}, {"maxCostUsd": 1e9}, {"maxCostUsd": "1"}, {"max": 1}],
)
def test_a_budget_that_makes_no_sense(admin: Caller, body: Any) -> None:
    answer = admin("PUT", f"/budgets/user/{admin.public_id}/day", body)
    assert answer.status_code in (400, 422), answer.json
    assert admin("PUT", f"/budgets/user/{admin.public_id}/week", {"maxTokens": 1}).status_code == 404


def test_pages_of_budgets(admin: Caller, person: Person) -> None:
    for name in ("olga", "otto", "ola"):
        for period in ("day", "month"):
            admin("PUT", f"/budgets/user/{person(name + period).public_id}/{period}", {"maxTokens": 1})
    found, cursor = [], ""
    while cursor is not None:
        page = admin("GET", f"/budgets?limit=2{'&cursor=' + cursor if cursor else ''}").json
        found += [(each["id"], each["period"]) for each in page["items"]]
        cursor = page["nextCursor"]
    assert len(found) == len(set(found)) == 6
    assert admin("GET", "/budgets?cursor=odd").status_code == 422


def test_the_calls_of_an_execution(admin: Caller, person: Person, connection: psycopg.Connection[Any]) -> None:
    execution = admin.started(admin.workflow())
    use(connection, execution, AiCall(1, "openai", "m", 60, 40, 5, CENT), AiCall(1, "openai", "x"))
    page = admin("GET", f"/executions/{execution}/ai-usage?limit=1").json
    assert page["items"][0] | {"at": 0} == {
        "stepId": "step-first",
        "attempt": 1,
        "at": 0,
        "provider": "openai",
        "model": "m",
        "inputTokens": 60,
        "outputTokens": 40,
        "cachedTokens": 5,
        "costUsd": 0.01,
        "late": False,
    }
    assert (page["totals"]["calls"], page["totals"]["unpricedCalls"], page["totals"]["late"]["calls"]) == (2, 1, 0)
    rest = admin("GET", f"/executions/{execution}/ai-usage?cursor={page['nextCursor']}").json
    assert [each["model"] for each in rest["items"]] == ["x"]
    assert admin("GET", f"/executions/{execution}/ai-usage?cursor=odd").status_code == 422
    assert person("otto")("GET", f"/executions/{execution}/ai-usage").status_code == 404
    step = admin("GET", f"/executions/{execution}/steps/step-first").json
    assert (step["aiTokensUsed"], step["aiCostUsd"], len(step["aiCalls"])) == (100, 0.01, 2)
    assert admin("GET", f"/executions/{execution}").json["aiCostUsd"] == 0.01
    assert "aiCalls" not in admin("GET", f"/executions/{execution}/steps/step-second").json
