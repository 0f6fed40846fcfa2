"""What can be computed of a group of items: counts, sums, first and last."""

import math
from collections.abc import Callable
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator

from shared.domain.comparing import identity, order
from shared.domain.errors import NodeError
from shared.domain.field_paths import MISSING, get_at, parse_path
from shared.expr.kinds import kind
from shared.nodes.data.fields import FieldPath

Function = Literal["count", "sum", "avg", "min", "max", "first", "last", "list", "distinct", "countDistinct"]


class Total(BaseModel):
    """One value of each group."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True, validate_by_name=True)

    name: FieldPath = Field(description="Name of the field that the value gets.", min_length=1, alias="as")
    do: Function = Field(description="How it is computed.")
    field: FieldPath = Field("", description="Path of the field it is computed of; `count` needs none.")

    @field_validator("name")
    @classmethod
    def _named(cls, name: str) -> str:
        if not parse_path(name):
            raise ValueError("name the field")
        return name


def total_of(total: Total, items: list[Any]) -> Any:
    """The value for a group. Fields that are missing or null count for nothing. Raises NodeError NOT_A_NUMBER."""
    if total.do == "count" and not total.field:
        return len(items)
    path = parse_path(total.field)
    found = [value for item in items if (value := get_at(item, path)) is not MISSING and value is not None]
    return _FUNCTIONS[total.do](found, total.field)


def _sum(found: list[Any], field: str) -> int | float:
    """Exact for integers; for others without the errors of many small ones."""
    for value in found:
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise NodeError("NOT_A_NUMBER", f"`{field}` is {kind(value)} in an item: convert it to a number first.")
    if all(isinstance(value, int) for value in found):
        return int(sum(found))
    try:
        return math.fsum(found)
    except OverflowError:
        raise NodeError("NOT_A_NUMBER", f"The sum of `{field}` is larger than a number may be.") from None


def _average(found: list[Any], field: str) -> int | float | None:
    total = _sum(found, field)
    if not found:
        return None
    try:
        average = total / len(found)
    except OverflowError:
        raise NodeError("NOT_A_NUMBER", f"The average of `{field}` is larger than a number may be.") from None
    return int(average) if average.is_integer() and abs(average) < 1e15 else average


def _distinct(found: list[Any], _field: str) -> list[Any]:
    return list({identity(value): value for value in reversed(found)}.values())[::-1]


_FUNCTIONS: dict[str, Callable[[list[Any], str], Any]] = {
    "count": lambda found, _: len(found),
    "sum": _sum,
    "avg": _average,
    "min": lambda found, _: min(found, key=order, default=None),
    "max": lambda found, _: max(found, key=order, default=None),
    "first": lambda found, _: found[0] if found else None,
    "last": lambda found, _: found[-1] if found else None,
    "list": lambda found, _: found,
    "distinct": _distinct,
    "countDistinct": lambda found, field: len(_distinct(found, field)),
}
