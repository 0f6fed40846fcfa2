"""The words for values in messages, and the checks that functions make on their arguments."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from shared.expr.errors import TYPE, ExpressionError

_KINDS = {
    type(None): "null",
    bool: "true/false",
    int: "a number",
    float: "a number",
    str: "text",
    list: "a list",
    dict: "an object",
    datetime: "a date",
}


def kind(value: Any) -> str:
    """What a value is, for a message: `text`, `a number`, `a list`, …"""
    found = _KINDS.get(type(value))
    if found is not None:
        return found
    return "an object" if isinstance(value, Mapping) else "an unsupported value"


def wrong(function: str, wanted: str, value: Any) -> ExpressionError:
    """The error for an argument of the wrong kind."""
    return ExpressionError(TYPE, f"{function}() needs {wanted}, not {kind(value)}")


def want_text(function: str, value: Any) -> str:
    """`value` if it is text."""
    if type(value) is not str:
        raise wrong(function, "text", value)
    return value


def want_list(function: str, value: Any) -> list[Any]:
    """`value` if it is a list."""
    if type(value) is not list:
        raise wrong(function, "a list", value)
    return value


def want_object(function: str, value: Any) -> Mapping[str, Any]:
    """`value` if it is an object."""
    if not isinstance(value, Mapping):
        raise wrong(function, "an object", value)
    return value


def want_number(function: str, value: Any) -> int | float:
    """`value` if it is a number (true and false are none)."""
    if type(value) is not int and type(value) is not float:
        raise wrong(function, "a number", value)
    return value


def want_int(function: str, value: Any, low: int, high: int) -> int:
    """`value` if it is a whole number within the bounds, both included."""
    if type(value) is not int or not low <= value <= high:
        raise ExpressionError(TYPE, f"{function}() needs a whole number from {low} to {high}")
    return value


def want_date(function: str, value: Any) -> datetime:
    """`value` if it is a date."""
    if not isinstance(value, datetime):
        raise wrong(function, "a date, as now and parse_date() give,", value)
    return value
