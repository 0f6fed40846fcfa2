"""Limits of what a data node may build. Parts of an input may be repeated in its output, so that a little becomes much."""

from typing import Any

from shared.domain.errors import NodeError
from shared.domain.json_size import TooManyParts, json_size

MOST_CHARACTERS = 64_000_000
MOST_ITEMS = 500_000
PAYLOAD_TOO_LARGE = "PAYLOAD_TOO_LARGE"
TOO_LARGE_CODE = {PAYLOAD_TOO_LARGE: "The output would be larger than a value may be."}


class Output:
    """Counts what is built; each of its methods raises NodeError PAYLOAD_TOO_LARGE past a limit."""

    def __init__(self) -> None:
        self._characters = 0
        self._items = 0

    def add(self, characters: int, items: int = 1) -> None:
        """So much more text, about."""
        self._characters += characters
        self._items += items
        if self._characters > MOST_CHARACTERS:
            raise too_large(f"more than {MOST_CHARACTERS:,} characters")
        if self._items > MOST_ITEMS:
            raise too_large(f"more than {MOST_ITEMS:,} items")


def size_of(value: Any) -> int:
    """Characters of a value as JSON, about. Raises NodeError PAYLOAD_TOO_LARGE."""
    try:
        return json_size(value)
    except TooManyParts as error:
        raise too_large(str(error)) from None


def too_large(what: str) -> NodeError:
    """The error past a limit."""
    return NodeError(PAYLOAD_TOO_LARGE, f"The output would be too large: {what}. Keep fewer items, or less of each.")
