"""How much one evaluation may do. Everything is charged before it is done or allocated."""

from shared.expr.errors import BUDGET, ExpressionError

MAX_SOURCE = 4_096
"""Characters of one expression."""
MAX_SOURCE_DEPTH = 64
"""Levels of nesting of one expression."""
MAX_INT_BITS = 4_096
"""Bits of an integer that an expression may compute (1,233 digits)."""


class Budget:
    """Counters shared by all expressions of one template's evaluation.

    `steps`: operations, about a microsecond each. `bytes`: memory of all values created, cumulative, never given
    back. `depth`: levels of nesting of a value that is built, compared or written out.
    """

    __slots__ = ("_bytes", "_steps", "bytes_left", "depth", "steps_left")

    def __init__(self, steps: int = 100_000, bytes: int = 10_000_000, depth: int = 64) -> None:
        self._steps = self.steps_left = steps
        self._bytes = self.bytes_left = bytes
        self.depth = depth

    def step(self, count: int = 1) -> None:
        """Account for `count` operations; raises ExpressionError when there are none left."""
        self.steps_left -= count
        if self.steps_left < 0:
            raise ExpressionError(
                BUDGET,
                f"the expressions need more than {self._steps:,} operations: work on fewer items or smaller values, or split the work",
            )

    def charge(self, size: int) -> None:
        """Account for `size` bytes that are about to be allocated; raises ExpressionError when they are too many."""
        self.bytes_left -= size
        if self.bytes_left < 0:
            raise ExpressionError(
                BUDGET,
                f"the expressions create more than {self._bytes:,} bytes of values: build smaller texts and lists",
            )

    def integer(self, bits: int) -> None:
        """Account for an integer of at most `bits` bits that is about to be computed."""
        if bits > MAX_INT_BITS:
            raise ExpressionError(BUDGET, f"integers are limited to {MAX_INT_BITS:,} bits: use float(x)")
        self.charge(32 + (bits >> 3))

    def items(self, count: int, each: int = 8) -> None:
        """Account for a new list of `count` items that takes `each` bytes per item, made at C speed."""
        self.step(1 + (count >> 6))
        self.charge(64 + count * each)

    def scan(self, length: int) -> None:
        """Account for reading `length` characters at C speed."""
        self.step(1 + (length >> 11))

    def search(self, length: int, wanted: int) -> None:
        """Account for looking for `wanted` characters in `length`; Python's search of short text is quadratic."""
        rounds = wanted if length < 2_500 else min(wanted, 100) if length < 30_000 else 4
        self.scan(length * max(rounds, 1))

    def level(self, depth: int) -> None:
        """Check a nesting level, 1-based."""
        if depth > self.depth:
            raise ExpressionError(BUDGET, f"the value is nested deeper than {self.depth} levels: make it flatter")
