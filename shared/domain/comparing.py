"""When JSON values are the same, and which comes first: for filters, sorting, grouping and joins. Pure."""

from collections.abc import Hashable
from typing import Any


def identity(value: Any) -> Hashable:
    """Equal for equal JSON values and for no others: 1 and 1.0 are the same, 1, true and "1" are not; the order of an
    object's keys does not matter.
    """
    if isinstance(value, bool):
        return (bool, value)
    if isinstance(value, dict):
        return (dict, frozenset((key, identity(child)) for key, child in value.items()))
    if isinstance(value, list | tuple):
        return (list, *map(identity, value))
    return value  # type: ignore[no-any-return]


def folded(value: Any) -> Any:
    """The same without the difference of upper and lower case, in a text or a list of texts."""
    if isinstance(value, str):
        return value.casefold()
    return [folded(child) for child in value] if isinstance(value, list) else value


def order(value: Any, *, fold: bool = False) -> tuple[int, Any]:
    """Sorts numbers before texts before false and true before lists and objects; among the latter nothing is first."""
    if isinstance(value, bool):
        return (2, value)
    if isinstance(value, int | float):
        return (0, value)
    if isinstance(value, str):
        return (1, value.casefold() if fold else value)
    return (3, 0)
