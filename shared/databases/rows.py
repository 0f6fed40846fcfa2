"""Rows on their way into an output: values as JSON, counted in rows and bytes. Pure."""

from typing import Any

from shared.domain.errors import NodeError
from shared.net.bodies import file_value

# A row's braces and a value's quotes, colon and comma.
_PER_ROW, _PER_VALUE = 3, 6


def json_text(text: str) -> Any:
    """Text, or a file value if it has a NUL character, which no JSON value of ours may have."""
    return text if "\x00" not in text else file_value(text.encode(), "text/plain")


def json_float(number: float) -> float | str:
    """The number; NaN and the infinities as text."""
    if number != number:  # noqa: PLR0124 - this is what NaN is
        return "NaN"
    if number in (float("inf"), float("-inf")):
        return "Infinity" if number > 0 else "-Infinity"
    return number


def json_bytes(content: bytes) -> dict[str, Any]:
    """A file value of unknown type."""
    return file_value(content, "application/octet-stream")


def json_iso(text: str) -> str:
    """A time as databases write it, `2026-11-27 10:00:00.5+00`, in ISO 8601."""
    day, space, time = text.partition(" ")
    if not space or time.endswith("BC"):
        return text
    # "+00" and "-07" lack their minutes.
    return f"{day}T{time}:00" if time[-3:-2] in ("+", "-") else f"{day}T{time}"


def distinct(names: list[str]) -> list[str]:
    """Column names as keys: one that comes again gets a number, as in `id`, `id_2`."""
    found: dict[str, None] = {}
    for name in names:
        key, count = name, 1
        while key in found:
            count += 1
            key = f"{name}_{count}"
        found[key] = None
    return list(found)


class Rows:
    """Collects rows up to `max_rows` and about `max_bytes` as JSON."""

    def __init__(self, names: list[str], max_rows: int, max_bytes: int) -> None:
        self.names = distinct(names)
        self.found: list[dict[str, Any]] = []
        self.truncated = False
        self._max_rows = max_rows
        self._max_bytes = max_bytes
        self._bytes = 0
        self._overhead = _PER_ROW + sum(len(name) + _PER_VALUE for name in self.names)

    def add(self, values: list[Any], size: int) -> bool:
        """Take a row whose values have `size` bytes as they came; False if it is one too many, and nothing more is taken.

        Raises NodeError ROW_TOO_LARGE for a row that could never fit.
        """
        if size > self._max_bytes:
            raise row_too_large(self._max_bytes)
        self._bytes += size + self._overhead
        if self.truncated or len(self.found) >= self._max_rows or (self.found and self._bytes > self._max_bytes):
            self.truncated = True
            return False
        self.found.append(dict(zip(self.names, values, strict=True)))
        return True


def row_too_large(max_bytes: int) -> NodeError:
    """The error for a row above the limit."""
    text = f"A single row has more than {max_bytes:,} bytes: select fewer or shorter columns, or raise `maxBytes`."
    return NodeError("ROW_TOO_LARGE", text)
