"""Reading parts of values: `x.name`, `x["name"]`, `x[0]`, `x[1:3]`. Keys only, never attributes of Python objects."""

from collections.abc import Mapping
from typing import Any

from shared.expr.budget import Budget
from shared.expr.errors import TYPE, ExpressionError, MissingField, near, shorten
from shared.expr.kinds import kind
from shared.expr.sizes import text_size, width


def get(value: Any, key: Any, budget: Budget, path: str = "") -> Any:
    """The part of `value` under `key`. Raises MissingField when it is not there, ExpressionError when it cannot be.

    `path` names `value` in the message, for example `steps.fetch.output`.
    """
    if isinstance(value, Mapping):
        return _field(value, key, path)
    if value is None:
        what = f"{path} is null" if path else "the value is null"
        raise MissingField(f"{what}, so it has no {shorten(repr(key))}: add | default(…)")
    if type(value) is list or type(value) is str:
        return _element(value, key, path, budget)
    raise ExpressionError(TYPE, f"{path or 'the value'} is {kind(value)}, which has no fields")


def _field(value: Mapping[str, Any], key: Any, path: str) -> Any:
    if type(key) is not str:
        raise ExpressionError(TYPE, f"{path or 'the value'} is an object: its keys are text, not {kind(key)}")
    try:
        return value[key]
    except KeyError:
        where = f" in {path}" if path else ""
        raise MissingField(lambda: f"no field '{shorten(key)}'{where}{near(key, value)}") from None


def _element(value: Any, key: Any, path: str, budget: Budget) -> Any:
    name = path or "the value"
    if type(key) is not int:
        hint = " (did you mean to use an index, as in [0]?)" if type(value) is list else ""
        raise ExpressionError(TYPE, f"{name} is {kind(value)}, which has no field {shorten(str(key))!r}{hint}")
    size = len(value)
    if not -size <= key < size:
        raise MissingField(
            f"no index {shorten(str(key)) if abs(key) < 10**20 else '…'} in {name}, which has {size} items"
        )
    if type(value) is str:
        budget.charge(text_size(1, 4))
    return value[key]


def cut(value: Any, start: Any, stop: Any, budget: Budget) -> Any:
    """`value[start:stop]` of a text or list; None means from the start or to the end."""
    for bound in (start, stop):
        if bound is not None and type(bound) is not int:
            raise ExpressionError(TYPE, f"a slice needs whole numbers, not {kind(bound)}")
    if type(value) is not str and type(value) is not list:
        raise ExpressionError(TYPE, f"only text and lists can be sliced, not {kind(value)}")
    low, high, _ = slice(start, stop).indices(len(value))
    count = max(high - low, 0)
    if type(value) is str:
        # Narrowing wide text makes Python look at every character.
        budget.scan(count)
        budget.charge(text_size(count, width(value)))
    else:
        budget.items(count)
    return value[low:high]
