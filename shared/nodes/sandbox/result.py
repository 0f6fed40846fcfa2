"""What code returned is JSON of a bearable size."""

from typing import Any

from shared.domain.errors import NodeError
from shared.domain.json_size import TooManyParts, json_size, leaf_size
from shared.domain.values import MAX_INT_DIGITS

MOST_CHARACTERS = 64_000_000
_MOST_INTEGER = 10**MAX_INT_DIGITS


def check_result(value: Any) -> None:
    """Raises NodeError INVALID_OUTPUT."""
    try:
        size = json_size(value, _leaf, _key)
    except TooManyParts as error:
        raise not_json(str(error)) from None
    if size > MOST_CHARACTERS:
        raise not_json(f"it takes more than {MOST_CHARACTERS:,} characters")


def not_json(why: str) -> NodeError:
    """The error of a result that cannot be an output."""
    text = f"The result is not JSON: {why[:1_000]}. Return objects with text keys, lists, texts and numbers."
    return NodeError("INVALID_OUTPUT", text)


def _leaf(value: Any) -> int:
    if isinstance(value, int) and abs(value) >= _MOST_INTEGER:
        raise not_json(f"an integer has more than {MAX_INT_DIGITS:,} digits")
    if isinstance(value, float) and value - value != 0:
        raise not_json("NaN and infinity are not numbers there")
    if value is None or isinstance(value, str | int | float):
        return leaf_size(value)
    raise not_json(f"it holds {_named(value)}")


def _key(value: Any) -> int:
    if not isinstance(value, str):
        raise not_json(f"the key {str(value)[:40]} is not text")
    return leaf_size(value)


def _named(value: Any) -> str:
    """`a set`, or the class of the code's own that it is."""
    name = getattr(value, "name", None)
    return f"the class or function {name}" if isinstance(name, str) else f"a {type(value).__name__}"
