"""Where budgets stand: of the run, of its workflow, of who runs it; by day and month in UTC."""

from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest

from shared.db import budgets
from shared.db.budgets import BudgetKey
from shared.domain.ai_call import AiCall
from shared.domain.budget import Limit
from tests.factories import chain
from tests.integration.engine.conftest import EngineScene

CENT = 10_000_000


@pytest.fixture
def run(scene: EngineScene) -> UUID:
    """A run that has used 100 tokens and a cent."""
    scene.use(chain(2))
    id = scene.start().id
    used = AiCall(1, "openai", "m", 60, 40, 0, CENT)
    scene.complete(scene.claim_node(id, "n0"), ai_calls=(used,), ai_tokens=100)
    return id


def why_not(scene: EngineScene, run: UUID, of_run: Limit | None = None) -> list[str]:
    return [why for each in budgets.standings(scene.connection, run, of_run) if (why := each.why_not()) is not None]


def test_without_budgets_nothing_stands_in_the_way(scene: EngineScene, run: UUID) -> None:
    assert budgets.standings(scene.connection, run, None) == []


@pytest.mark.parametrize(
    ("limit", "said"),
    [
        (Limit(max_tokens=100), "100 of 100 tokens"),
        (Limit(max_cost_nano=CENT), "$0.01 of $0.01"),
        (Limit(50, CENT // 2), "100 of 50 tokens and $0.01 of $0.005"),
    ],
)
def test_a_budget_that_is_used_up_says_so(scene: EngineScene, run: UUID, limit: Limit, said: str) -> None:
    for scope, target in (("workflow", scene.workflow_id), ("user", scene.user_id)):
        budgets.put(scene.connection, BudgetKey(scope, target, "day"), limit, scene.user_id)
    (workflow, user) = why_not(scene, run)
    assert said in workflow
    assert "of the workflow for this day" in workflow
    assert "of who runs this for this day" in user
    tomorrow = (datetime.now(UTC) + timedelta(days=1)).date()
    assert f"It starts anew at {tomorrow} 00:00 UTC" in user
    (of_run,) = why_not(scene, run, limit)[:1]
    assert of_run.startswith(f"The budget of this run is used up: {said}.")


def test_what_is_left_may_be_used(scene: EngineScene, run: UUID) -> None:
    limit = Limit(101, CENT + 1)
    budgets.put(scene.connection, BudgetKey("user", scene.user_id, "month"), limit, scene.user_id)
    assert why_not(scene, run, limit) == []


def test_a_day_ends_at_midnight_and_a_month_goes_on(scene: EngineScene, run: UUID) -> None:
    for period in ("day", "month"):
        budgets.put(scene.connection, BudgetKey("workflow", scene.workflow_id, period), Limit(100), scene.user_id)
    budgets.fold(scene.connection)
    first = datetime.now(UTC).date().replace(day=1)
    assert len(why_not(scene, run)) == 2
    if datetime.now(UTC).date() != first:
        scene.connection.execute("UPDATE ai_days SET day = %s", (first,))
        assert ["this month" in why for why in why_not(scene, run)] == [True]
    scene.connection.execute("UPDATE ai_days SET day = %s", (first - timedelta(days=1),))
    assert why_not(scene, run) == []


def test_what_children_used_counts_for_the_run(scene: EngineScene, run: UUID) -> None:
    scene.connection.execute("UPDATE executions SET child_ai_tokens = 5, child_ai_cost_nano = 7 WHERE id = %s", (run,))
    (standing,) = budgets.standings(scene.connection, run, Limit(1))
    assert (standing.used_tokens, standing.used_cost_nano) == (105, CENT + 7)


def test_folding_adds_up_by_day(scene: EngineScene, run: UUID) -> None:
    scene.complete(scene.claim_node(run, "n1"), ai_calls=(AiCall(1, "openai", "m", 1, 2, 0, None),), ai_tokens=3)
    assert budgets.fold(scene.connection, limit=1) == 1
    assert budgets.fold(scene.connection) == 1
    assert budgets.fold(scene.connection) == 0
    row = scene.one("SELECT calls, tokens, cost_nano, unpriced FROM ai_days")
    assert row == {"calls": 2, "tokens": 103, "cost_nano": CENT, "unpriced": 1}
