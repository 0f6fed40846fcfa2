"""When JSON values are the same, and which comes first: for filters, sorting, grouping and joins. Pure."""

from collections.abc import Hashable
from functools import total_ordering
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


@total_ordering
class Backwards:
    """Turns the order of one key around."""

    __slots__ = ("key",)

    def __init__(self, key: tuple[int, Any]) -> None:
        self.key = key

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Backwards) and self.key == other.key

    def __hash__(self) -> int:
        return hash(self.key)

    def __lt__(self, other: "Backwards") -> bool:
        return other.key < self.key


def order(value: Any, *, fold: bool = False) -> tuple[int, Any]:
    """Sorts numbers before texts before false and true before lists and objects; among the latter nothing is first."""
    if isinstance(value, bool):
        return (2, value)
    if isinstance(value, int | float):
        return (0, value)
    if isinstance(value, str):
        return (1, value.casefold() if fold else value)
    return (3, 0)
