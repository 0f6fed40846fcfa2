"""`settings.budget` of a definition: `{"maxTokens": 10000, "maxCostUsd": 0.5}`."""

from decimal import Decimal
from typing import Any

from shared.domain.ai_call import MOST_TOKENS, to_nano
from shared.domain.budget import Limit
from shared.domain.fields import Fields

MOST_USD = 1_000_000


def read_budget(settings: Fields) -> Limit | None:
    """The budget of one run; None where there is none."""
    if settings.take("budget") is None:
        return None
    budget = settings.object("budget")
    max_tokens = budget.whole("maxTokens", 0, least=1, most=MOST_TOKENS) or None
    cost = budget.take("maxCostUsd")
    max_cost_nano = None if cost is None else nano_of(cost)
    if cost is not None and max_cost_nano is None:
        budget.refuse("maxCostUsd", f"this must be an amount in US dollars, more than 0 and at most {MOST_USD:,}")
    elif max_tokens is None and cost is None and not budget.value.get("maxTokens"):
        settings.refuse("budget", "give `maxTokens`, `maxCostUsd` or both")
    budget.close("`budget`")
    return Limit(max_tokens, max_cost_nano)


def nano_of(usd: Any) -> int | None:
    """Nano-dollars of a JSON number as its author wrote it; None if it is no amount that makes sense."""
    if isinstance(usd, bool) or not isinstance(usd, int | float) or not 0 < usd <= MOST_USD:
        return None
    return to_nano(Decimal(str(usd))) or None
