"""How large things are or will be, always rounded up, known before they are made."""

from sys import getsizeof
from typing import Any

from shared.expr.budget import Budget
from shared.expr.errors import VALUE, ExpressionError

_SHORT_ESCAPES = '"\\\n\r\t\b\f'
_LONG_ESCAPES = "".join(chr(code) for code in range(32) if chr(code) not in _SHORT_ESCAPES)


def finite(value: float) -> float:
    """`value` unless it is NaN or infinite, which JSON does not have."""
    if value - value != 0:
        raise ExpressionError(VALUE, "the result is too large for a number")
    return value


def width(text: str) -> int:
    """Bytes per character of `text` in memory, 1 to 4, never too low."""
    if text.isascii():
        return 1
    return min(4, max(1, (getsizeof(text) - 56) // len(text)))


def text_size(length: int, each: int = 1) -> int:
    """Bytes of a text of `length` characters of `each` bytes, headers included."""
    return 64 + length * each


def json_text_size(text: str) -> int:
    """Bytes that `text` takes at most as a JSON string."""
    if len(text) < 16:
        return 2 + 6 * len(text)
    escapes = sum(map(text.count, _SHORT_ESCAPES)) + 5 * sum(map(text.count, _LONG_ESCAPES))
    return 2 + len(text) * (1 if text.isascii() else 4) + escapes


class Measure:
    """The size of values as JSON, shared parts counted each time they appear, in time linear in distinct parts.

    With `repeats` it charges the budget for every appearance after the first: that is how a small value that holds
    one large part many times is stopped before it is written out.
    """

    def __init__(self, budget: Budget, *, repeats: bool = False) -> None:
        self._budget = budget
        self._repeats = repeats
        self._sizes: dict[int, int] = {}

    def size(self, value: Any, depth: int = 1) -> int:
        """Bytes of `value` as JSON at most; raises ExpressionError when it is too deep or too much to look at."""
        if type(value) is str:
            return self._text(value) if len(value) >= 16 else 2 + 6 * len(value)
        if type(value) is int and value.bit_length() <= 64:
            return 21
        if type(value) is list or type(value) is dict:
            return self._known(value) or self._container(value, depth)
        if type(value) is int:
            return self._known(value) or self._remember(value, value.bit_length() // 3 + 2)
        if type(value) is float:
            finite(value)
        return 32

    def _known(self, value: Any) -> int:
        size = self._sizes.get(id(value), 0)
        if size and self._repeats:
            self._budget.charge(size)
        return size

    def _remember(self, value: Any, size: int) -> int:
        self._sizes[id(value)] = size
        return size

    def _text(self, value: str) -> int:
        known = self._known(value)
        if known:
            return known
        self._budget.scan(len(value) * 8)
        return self._remember(value, json_text_size(value))

    def _container(self, value: list[Any] | dict[str, Any], depth: int) -> int:
        self._budget.level(depth)
        self._budget.step(1 + len(value) // 4)
        if type(value) is dict:
            size = sum(self.size(key) + self.size(child, depth + 1) + 2 for key, child in value.items())
        else:
            size = sum(self.size(child, depth + 1) + 1 for child in value)
        return self._remember(value, size + 2)
