"""What models used, and the budgets."""

from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field

from services.api.schemas.base import Answer, Body, Limit, Milliseconds, Query
from shared.domain.ai_call import MOST_TOKENS
from shared.domain.budget_definition import MOST_USD, nano_of


class ListCalls(Query):
    """Which calls to list."""

    limit: Limit = 50
    cursor: Annotated[str, Field(max_length=300)] | None = None


class AiCall(Answer):
    """One call of a model that was answered. Tokens are null where the provider did not say, the cost where there is no price.

    `late`: its outcome was stale, so it counts in no statistics.
    """

    step_id: str
    attempt: int
    at: Milliseconds
    provider: str
    model: str
    input_tokens: int | None
    output_tokens: int | None
    cached_tokens: int | None
    cost_usd: float | None
    late: bool


class AiSums(Answer):
    """Sums of calls; `unpricedCalls` are not in the cost."""

    calls: int
    input_tokens: int
    output_tokens: int
    cached_tokens: int
    cost_usd: float
    unpriced_calls: int


class AiTotals(AiSums):
    """Sums of the calls that count, and apart from them of the late ones."""

    late: AiSums


class AiUsage(Answer):
    """A page of calls, by step, and the sums of all of the execution."""

    totals: AiTotals
    items: list[AiCall]
    next_cursor: str | None


def _usd(value: Any) -> Any:
    if value is not None and nano_of(value) is None:
        raise ValueError(f"this must be an amount in US dollars, more than 0 and at most {MOST_USD:,}")
    return value


class SetBudget(Body):
    """At most so many tokens, and so much money, in a period."""

    max_tokens: Annotated[int, Field(ge=1, le=MOST_TOKENS)] | None = None
    max_cost_usd: Annotated[float | int | None, BeforeValidator(_usd)] = None


class ListBudgets(Query):
    """Which budgets to list."""

    limit: Limit = 50
    cursor: Annotated[str, Field(max_length=100)] | None = None


class Budget(Answer):
    """A budget and where it stands. `id` is that of the workflow or user. Periods begin at midnight UTC."""

    scope: Literal["workflow", "user"]
    id: str
    period: Literal["day", "month"]
    max_tokens: int | None
    max_cost_usd: float | None
    used_tokens: int
    used_cost_usd: float
    unpriced_calls: int = Field(
        description="Calls in the period that have no price, so a limit of money does not see them."
    )
    began_at: Milliseconds
    ends_at: Milliseconds
    updated_at: Milliseconds
    updated_by: str


class BudgetPage(Answer):
    """A page of budgets."""

    items: list[Budget]
    next_cursor: str | None
