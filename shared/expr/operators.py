"""What `+ - * / // %` and the comparisons mean, and what they cost."""

import operator
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

from shared.expr.budget import Budget
from shared.expr.errors import TYPE, VALUE, ExpressionError
from shared.expr.kinds import kind
from shared.expr.sizes import finite, text_size, width

Operation = Callable[[Any, Any, Budget], Any]


def is_number(value: Any) -> bool:
    """Whether `value` is an integer or a float; true and false are neither."""
    return type(value) is int or type(value) is float


def _arithmetic(symbol: str, function: Callable[[Any, Any], Any], bits: Callable[[int, int], int]) -> Operation:
    def operate(a: Any, b: Any, budget: Budget) -> Any:
        if not (is_number(a) and is_number(b)):
            raise _mismatch(symbol, a, b)
        if type(a) is int and type(b) is int:
            budget.integer(bits(a.bit_length(), b.bit_length()))
        else:
            budget.charge(24)
        try:
            result = function(a, b)
        except ZeroDivisionError:
            raise ExpressionError(VALUE, f"division by zero: guard it, as in x {symbol} y if y else 0") from None
        except OverflowError:
            raise ExpressionError(VALUE, "the number is too large for a fraction") from None
        return finite(result) if type(result) is float else result

    return operate


def _mismatch(symbol: str, a: Any, b: Any) -> ExpressionError:
    hint = ": convert one with str(x) or int(x)" if symbol == "+" and str in (type(a), type(b)) else ""
    return ExpressionError(TYPE, f"{symbol} cannot combine {kind(a)} and {kind(b)}{hint}")


_add_numbers = _arithmetic("+", operator.add, lambda a, b: max(a, b) + 1)
_multiply_numbers = _arithmetic("*", operator.mul, lambda a, b: a + b)


def add(a: Any, b: Any, budget: Budget) -> Any:
    """The sum of two numbers, or two texts or two lists one after the other."""
    if type(a) is str and type(b) is str:
        budget.charge(text_size(len(a) + len(b), max(width(a), width(b))))
        return a + b
    if type(a) is list and type(b) is list:
        budget.items(len(a) + len(b))
        return a + b
    return _add_numbers(a, b, budget)


def multiply(a: Any, b: Any, budget: Budget) -> Any:
    """The product of two numbers, or a text or list repeated."""
    if type(a) is int and type(b) in (str, list):
        a, b = b, a
    if type(a) is str and type(b) is int:
        budget.charge(text_size(len(a) * max(b, 0), width(a)))
        return a * b
    if type(a) is list and type(b) is int:
        budget.items(len(a) * max(b, 0))
        return a * b
    return _multiply_numbers(a, b, budget)


def negate(value: Any, budget: Budget) -> Any:
    """The number with its sign changed."""
    if not is_number(value):
        raise ExpressionError(TYPE, f"- needs a number, not {kind(value)}")
    if type(value) is int:
        budget.integer(value.bit_length())
    return -value


ARITHMETIC: dict[str, Operation] = {
    "Add": add,
    "Sub": _arithmetic("-", operator.sub, lambda a, b: max(a, b) + 1),
    "Mult": multiply,
    "Div": _arithmetic("/", operator.truediv, lambda a, b: 64),
    "FloorDiv": _arithmetic("//", operator.floordiv, lambda a, b: a + 1),
    "Mod": _arithmetic("%", operator.mod, max),
}


def equal(a: Any, b: Any, budget: Budget, depth: int = 1) -> bool:
    """Whether two JSON values are the same; 1 equals 1.0, but no number equals true or false."""
    if type(a) is not type(b):
        return is_number(a) and is_number(b) and a == b
    if type(a) is str:
        if len(a) == len(b):
            budget.scan(len(a))
        return bool(a == b)
    if type(a) is not list and type(a) is not dict:
        return bool(a == b)
    if len(a) != len(b):
        return False
    budget.level(depth)
    budget.step(1 + len(a))
    if type(a) is dict:
        return all(key in b and equal(child, b[key], budget, depth + 1) for key, child in a.items())
    return all(equal(x, y, budget, depth + 1) for x, y in zip(a, b, strict=True))


def order_kind(value: Any) -> type | None:
    """What `value` can be ordered with: numbers, texts and dates each among themselves; None for the rest."""
    if is_number(value):
        return float
    if type(value) is str:
        return str
    return datetime if isinstance(value, datetime) else None


def _order(symbol: str, function: Callable[[Any, Any], bool]) -> Operation:
    def compare(a: Any, b: Any, budget: Budget) -> bool:
        wanted = order_kind(a)
        if wanted is None or wanted is not order_kind(b):
            raise ExpressionError(TYPE, f"{symbol} cannot compare {kind(a)} with {kind(b)}")
        if wanted is str:
            budget.scan(min(len(a), len(b)))
        return function(a, b)

    return compare


def contains(container: Any, wanted: Any, budget: Budget) -> bool:
    """Whether a text has a part, a list an item, an object a key."""
    if type(container) is str:
        if type(wanted) is not str:
            raise ExpressionError(TYPE, f"only text can be in text, not {kind(wanted)}: use str(x)")
        budget.search(len(container), len(wanted))
        return wanted in container
    if type(container) is list:
        budget.step(1 + len(container) // 4)
        return any(equal(item, wanted, budget) for item in container)
    if isinstance(container, Mapping):
        return type(wanted) is str and wanted in container
    raise ExpressionError(TYPE, f"in needs text, a list or an object on its right, not {kind(container)}")


COMPARISONS: dict[str, Operation] = {
    "Eq": equal,
    "NotEq": lambda a, b, budget: not equal(a, b, budget),
    "Lt": _order("<", operator.lt),
    "LtE": _order("<=", operator.le),
    "Gt": _order(">", operator.gt),
    "GtE": _order(">=", operator.ge),
    "In": lambda a, b, budget: contains(b, a, budget),
    "NotIn": lambda a, b, budget: not contains(b, a, budget),
}
