"""Budgets of tokens and money: whether one is used up, and the sentence that says so. Pure.

A budget is asked before a call, so calls that run at once may go past it by what they use.
"""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from shared.domain.ai_call import NANO

BUDGET_EXCEEDED: Final = "BUDGET_EXCEEDED"
SCOPES: Final = ("workflow", "user")
PERIODS: Final = ("day", "month")
_BEGINS: Final = "The budget "
_WHOSE: Final = {"run": "of this run", "workflow": "of the workflow", "user": "of who runs this"}


@dataclass(frozen=True, slots=True)
class Limit:
    """At most so many tokens, and so many nano-dollars; None: without a limit of that kind."""

    max_tokens: int | None = None
    max_cost_nano: int | None = None


@dataclass(frozen=True, slots=True)
class Standing:
    """A limit, what of it is used, and when it starts anew (None for that of a run). `scope`: run, workflow or user."""

    scope: str
    period: str
    limit: Limit
    used_tokens: int
    used_cost_nano: int
    ends_at: datetime | None = None

    def why_not(self) -> str | None:
        """Why no more may be used, and what to do; None while there is something left."""
        limit = self.limit
        parts = []
        if limit.max_tokens is not None and self.used_tokens >= limit.max_tokens:
            parts.append(f"{self.used_tokens:,} of {limit.max_tokens:,} tokens")
        if limit.max_cost_nano is not None and self.used_cost_nano >= limit.max_cost_nano:
            parts.append(f"{dollars(self.used_cost_nano)} of {dollars(limit.max_cost_nano)}")
        if not parts:
            return None
        used = " and ".join(parts)
        if self.ends_at is None:
            return (
                f"{_BEGINS}{_WHOSE['run']} is used up: {used}."
                " Raise settings.budget of the workflow if that is expected."
            )
        anew = f"{self.ends_at.astimezone(UTC):%Y-%m-%d %H:%M} UTC"
        whose = f"{_WHOSE[self.scope]} for this {self.period}"
        return f"{_BEGINS}{whose} is used up: {used}. It starts anew at {anew}; or let it be raised."


def whose(sentence: str) -> str | None:
    """The scope of the budget that a sentence of `Standing.why_not` is about; None for any other text."""
    begun = sentence.removeprefix(_BEGINS)
    return next((scope for scope, words in _WHOSE.items() if begun != sentence and begun.startswith(f"{words} ")), None)


def dollars(nano: int) -> str:
    """`$12.34`, with as many places as there are, at least two."""
    whole, rest = divmod(nano, NANO)
    return f"${whole:,}.{f'{rest:09d}'.rstrip('0').ljust(2, '0')}"
