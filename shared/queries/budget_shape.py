"""A budget as the API shows it."""

from collections.abc import Mapping
from typing import Any, Final

from shared import ids
from shared.db.budgets import Budget
from shared.domain.ai_call import to_usd
from shared.queries.shapes import ms

PREFIXES: Final[Mapping[str, str]] = {"workflow": ids.WORKFLOW, "user": ids.USER}
"""The prefix of a target's id, by scope."""


def budget_shape(budget: Budget) -> dict[str, Any]:
    """The budget with where it stands."""
    return {
        "scope": budget.scope,
        "id": ids.encode(PREFIXES[budget.scope], budget.target_id),
        "period": budget.period,
        "maxTokens": budget.max_tokens,
        "maxCostUsd": None if budget.max_cost_nano is None else to_usd(budget.max_cost_nano),
        "usedTokens": budget.used_tokens,
        "usedCostUsd": to_usd(budget.used_cost_nano),
        "unpricedCalls": budget.unpriced,
        "beganAt": ms(budget.began_at),
        "endsAt": ms(budget.ends_at),
        "updatedAt": ms(budget.updated_at),
        "updatedBy": ids.encode(ids.USER, budget.updated_by),
    }
