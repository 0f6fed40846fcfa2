"""Conditions on the items of a list, as rows of a form: field, operator, value."""

from collections.abc import Callable, Hashable
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from shared.domain.comparing import folded, identity
from shared.domain.errors import NodeError
from shared.domain.field_paths import MISSING, get_at, parse_path
from shared.expr.kinds import kind
from shared.nodes.data.fields import FieldPath

Operator = Literal[
    "equals",
    "notEquals",
    "contains",
    "notContains",
    "startsWith",
    "endsWith",
    "greater",
    "greaterOrEqual",
    "less",
    "lessOrEqual",
    "in",
    "notIn",
    "exists",
    "notExists",
    "empty",
    "notEmpty",
]
_Test = Callable[[Any, Any], bool]
_EMPTY: tuple[Any, ...] = (None, "", [], {})


class Condition(BaseModel):
    """One row."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

    field: FieldPath = Field("", description="Path of the field; without it the item itself.")
    op: Operator = Field(description="How it is compared.")
    value: Any = Field(None, description="What it is compared with; a list for `in` and `notIn`.")


def test_of(condition: Condition, *, ignore_case: bool) -> Callable[[Any], bool]:
    """Whether an item meets a condition. Raises NodeError NOT_COMPARABLE, at once or for an item."""
    path, test = parse_path(condition.field), _TESTS[condition.op]
    wanted = folded(condition.value) if ignore_case else condition.value
    if condition.op in ("in", "notIn"):
        if not isinstance(wanted, list):
            raise not_comparable(f"`{condition.op}` needs a list as its value, not {kind(wanted)}")
        wanted = frozenset(map(identity, wanted))
    elif condition.op in ("equals", "notEquals"):
        wanted = identity(wanted)

    def meets(item: Any) -> bool:
        found = get_at(item, path)
        return test(folded(found) if ignore_case else found, wanted)

    return meets


def not_comparable(why: str) -> NodeError:
    """The error of values that have no order, or no parts."""
    return NodeError("NOT_COMPARABLE", f"{why}.")


def _equals(found: Any, wanted: Hashable) -> bool:
    return found is not MISSING and identity(found) == wanted


def _contains(found: Any, wanted: Any) -> bool:
    """A text has a part, a list an item, an object a key."""
    if isinstance(found, str):
        if not isinstance(wanted, str):
            raise not_comparable(f"text cannot contain {kind(wanted)}")
        return wanted in found
    if isinstance(found, list):
        key = identity(wanted)
        return any(identity(each) == key for each in found)
    return isinstance(found, dict) and isinstance(wanted, str) and wanted in found


def _begins(method: Callable[[str, str], bool]) -> _Test:
    def test(found: Any, wanted: Any) -> bool:
        if not isinstance(wanted, str):
            raise not_comparable(f"a text begins and ends with text, not with {kind(wanted)}")
        return isinstance(found, str) and method(found, wanted)

    return test


def _ordered(compare: Callable[[Any, Any], bool]) -> _Test:
    def test(found: Any, wanted: Any) -> bool:
        if found is MISSING or found is None:
            return False
        for types in (int | float, str):
            if isinstance(found, types) and isinstance(wanted, types) and not isinstance(found, bool):
                return compare(found, wanted)
        raise not_comparable(f"{kind(found)} cannot be compared with {kind(wanted)}: convert one of them first")

    return test


def _is_empty(found: Any, _wanted: Any) -> bool:
    return found is MISSING or found in _EMPTY


_TESTS: dict[str, _Test] = {
    "equals": _equals,
    "notEquals": lambda found, wanted: not _equals(found, wanted),
    "contains": _contains,
    "notContains": lambda found, wanted: not _contains(found, wanted),
    "startsWith": _begins(str.startswith),
    "endsWith": _begins(str.endswith),
    "greater": _ordered(lambda a, b: bool(a > b)),
    "greaterOrEqual": _ordered(lambda a, b: bool(a >= b)),
    "less": _ordered(lambda a, b: bool(a < b)),
    "lessOrEqual": _ordered(lambda a, b: bool(a <= b)),
    "in": lambda found, wanted: found is not MISSING and identity(found) in wanted,
    "notIn": lambda found, wanted: found is MISSING or identity(found) not in wanted,
    "exists": lambda found, _: found is not MISSING,
    "notExists": lambda found, _: found is MISSING,
    "empty": _is_empty,
    "notEmpty": lambda found, wanted: not _is_empty(found, wanted),
}
