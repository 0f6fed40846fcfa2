"""Reading parts of values: `x.name`, `x["name"]`, `x[0]`, `x[1:3]`. Keys only, never attributes of Python objects."""

from collections.abc import Callable, Mapping
from typing import Any

from shared.expr.budget import Budget
from shared.expr.errors import TYPE, ExpressionError, MissingField, near, shorten
from shared.expr.kinds import kind
from shared.expr.sizes import text_size, width


def anonymous() -> str:
    """The name of a computed value in messages."""
    return "the value"


def get(value: Any, key: Any, budget: Budget, name: Callable[[], str] = anonymous) -> Any:
    """The part of `value` under `key`. Raises MissingField when it is not there, ExpressionError when it cannot be.

    `name` gives what `value` is called in a message, for example `steps.fetch.output`; it is called only for one
    that is read: `default` may swallow thousands.
    """
    if isinstance(value, Mapping):
        return _field(value, key, name)
    if value is None:
        raise MissingField(lambda: f"{name()} is null, so it has no {_shown(key)}: add | default(…)")
    if type(value) is list or type(value) is str:
        return _element(value, key, name, budget)
    raise ExpressionError(TYPE, f"{name()} is {kind(value)}, which has no fields")


def _shown(key: Any) -> str:
    """A key in a message. Never the text of a list or object: that could be huge."""
    if type(key) is int and key.bit_length() <= 64:
        return f"index {key}"
    return f"field '{shorten(key)}'" if type(key) is str else f"field that is {kind(key)}"


def _field(value: Mapping[str, Any], key: Any, name: Callable[[], str]) -> Any:
    if type(key) is not str:
        raise ExpressionError(TYPE, f"{name()} is an object: its keys are text, not {kind(key)}")
    try:
        return value[key]
    except KeyError:
        raise MissingField(lambda: f"no {_shown(key)} in {name()}{near(key, value)}") from None


def _element(value: Any, key: Any, name: Callable[[], str], budget: Budget) -> Any:
    if type(key) is not int:
        hint = " (did you mean to use an index, as in [0]?)" if type(value) is list else ""
        raise ExpressionError(TYPE, f"{name()} is {kind(value)}, which has no {_shown(key)}{hint}")
    size = len(value)
    if not -size <= key < size:
        raise MissingField(lambda: f"no {_shown(key)} in {name()}, which has {size} items")
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
