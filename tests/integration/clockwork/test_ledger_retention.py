"""Retention takes the ledger's rows along; the cost stays in the statistics, and the use in the budgets."""

from collections.abc import Iterator

import pytest

from shared.db import budgets
from shared.db.budgets import BudgetKey
from shared.domain.ai_call import AiCall
from shared.domain.budget import Limit
from shared.queries.stats import overview
from tests.integration.clockwork.past import PastScene, weeks_ago


@pytest.fixture
def scene(database_url: str) -> Iterator[PastScene]:
    made = PastScene(database_url)
    yield made
    made.connection.close()


@pytest.mark.parametrize("kept", [False, True], ids=["week", "rows"])
def test_what_models_cost_outlives_the_runs(scene: PastScene, *, kept: bool) -> None:
    started = scene.start()
    used = AiCall(1, "openai", "m", 60, 40, 0, 1_000_000_000)
    following = scene.complete(scene.claim(started.ready[0]), ai_calls=(used,), ai_tokens=100)
    scene.complete(scene.claim(following.ready[0]))
    old = scene.move(started.id, weeks_ago(6))
    if kept:
        # Something that lives keeps its week: the rows go one by one.
        scene.move(scene.start().id, weeks_ago(6))
    key = BudgetKey("workflow", scene.workflow_id, "month")
    budgets.put(scene.connection, key, Limit(1_000), scene.user_id)
    assert scene.rows_of(old)["ai_ledger"] == 1
    before = overview(scene.connection)
    assert (before["aiTokensUsed"], before["aiCostUsd"]) == (100, 1.0)
    scene.prune(30)
    assert scene.rows_of(old) == {}
    assert overview(scene.connection)["aiCostUsd"] == 1.0
    assert budgets.page(scene.connection, limit=1)[0].used_tokens == 100
