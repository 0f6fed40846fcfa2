"""Functions on objects."""

from typing import Any

from shared.expr.budget import Budget
from shared.expr.kinds import want_object


def keys(budget: Budget, value: Any) -> list[str]:
    """The keys of an object."""
    budget.items(len(want_object("keys", value)))
    return list(value)


def values(budget: Budget, value: Any) -> list[Any]:
    """The values of an object."""
    budget.items(len(want_object("values", value)))
    return list(value.values())


def entries(budget: Budget, value: Any) -> list[dict[str, Any]]:
    """The entries of an object as a list of {"key", "value"}."""
    budget.items(len(want_object("entries", value)), 280)
    budget.step(len(value) // 8)
    return [{"key": key, "value": child} for key, child in value.items()]


def merge(budget: Budget, first: Any, second: Any) -> dict[str, Any]:
    """Both objects as one; the second wins where both have a key."""
    budget.items(len(want_object("merge", first)) + len(want_object("merge", second)), 110)
    return {**first, **second}
