"""Functions on numbers, and conversions to them."""

import math
import re
from collections.abc import Callable
from typing import Any

from shared.expr.budget import Budget
from shared.expr.errors import VALUE, ExpressionError, shorten
from shared.expr.kinds import want_int, want_list, want_number, wrong
from shared.expr.operators import add
from shared.expr.sizes import finite

_WHOLE = re.compile(r"\s*[+-]?[0-9]{1,1233}\s*", re.ASCII)
_DECIMAL = re.compile(r"\s*[+-]?([0-9]{1,400}(\.[0-9]{0,400})?|\.[0-9]{1,400})([eE][+-]?[0-9]{1,4})?\s*", re.ASCII)


def int_(budget: Budget, value: Any) -> int:
    """A whole number from a number (cut towards zero), true or false, or a text of digits."""
    if type(value) is str:
        if len(value) > 2_000 or _WHOLE.fullmatch(value) is None:
            raise ExpressionError(VALUE, f"int() cannot read {shorten(repr(value[:60]))}: it needs digits only")
        budget.step(1 + len(value) // 16)
        budget.integer(len(value) * 10 // 3 + 1 if len(value) < 1_230 else 4_096)
        return int(value)
    if type(value) is not bool:
        want_number("int", value)
    budget.integer(1_024 if type(value) is float else 8)
    return int(value)


def float_(budget: Budget, value: Any) -> float:
    """A number with a fraction from a number, true or false, or a text."""
    budget.charge(24)
    if type(value) is str:
        if len(value) > 1_000 or _DECIMAL.fullmatch(value) is None:
            raise ExpressionError(VALUE, f"float() cannot read {shorten(repr(value[:60]))} as a number")
    elif type(value) is not bool:
        want_number("float", value)
    return finite(float(value))


def bool_(budget: Budget, value: Any) -> bool:
    """False for null, false, 0, an empty text, list or object, and the texts "false" and "0"; otherwise true."""
    budget.step()
    return value not in ("", "false", "0") if type(value) is str else bool(value)


def round_(budget: Budget, number: Any, digits: Any = 0) -> int | float:
    """The number rounded to so many digits after the point; a half goes to the even neighbour."""
    want_number("round", number)
    want_int("round", digits, -15, 15)
    if type(number) is int:
        budget.integer(number.bit_length() + 64)
        return round(number, digits)
    budget.integer(1_024)
    return finite(round(number, digits)) if digits else round(number)


def abs_(budget: Budget, number: Any) -> int | float:
    """The number without its sign."""
    want_number("abs", number)
    budget.integer(number.bit_length() if type(number) is int else 64)
    return abs(number)  # type: ignore[no-any-return]


def floor(budget: Budget, number: Any) -> int:
    """The largest whole number that is not above the number."""
    return _whole(budget, want_number("floor", number), math.floor)


def ceil(budget: Budget, number: Any) -> int:
    """The smallest whole number that is not below the number."""
    return _whole(budget, want_number("ceil", number), math.ceil)


def _whole(budget: Budget, number: float, function: Callable[[float], int]) -> int:
    budget.integer(number.bit_length() if type(number) is int else 1_024)
    return number if type(number) is int else function(number)


def sum_(budget: Budget, numbers: Any) -> int | float:
    """The sum of a list of numbers; 0 for an empty list."""
    total: Any = 0
    for number in want_list("sum", numbers):
        budget.step()
        if type(number) is not int and type(number) is not float:
            raise wrong("sum", "a list of numbers", number)
        total = add(total, number, budget)
    return total  # type: ignore[no-any-return]
