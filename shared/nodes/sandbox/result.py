"""What code returned is JSON of a bearable size. Parts may be shared, so what is small in memory may be endless as text."""

from collections.abc import Iterable
from typing import Any

from shared.domain.errors import NodeError
from shared.domain.values import MAX_INT_DIGITS

MOST_CHARACTERS = 64_000_000
MOST_CONTAINERS = 1_000_000
_LARGE = f"it takes more than {MOST_CHARACTERS:,} characters"
_MANY = f"it has more than {MOST_CONTAINERS:,} objects and lists"
_NUMBER = 8
_MOST_INTEGER = 10**MAX_INT_DIGITS
_LONG = f"an integer has more than {MAX_INT_DIGITS:,} digits"


def check_result(value: Any) -> None:
    """Raises NodeError INVALID_OUTPUT. Every object and list is looked at once, however often it is used; none is deep
    enough for a stack, as there is none here.
    """
    sizes: dict[int, int] = {}
    todo = [value]
    while todo:
        part = todo[-1]
        if id(part) in sizes or not _is_container(part):
            todo.pop()
            continue
        inside = [child for child in _children(part) if _is_container(child) and id(child) not in sizes]
        if inside:
            todo += inside
            continue
        todo.pop()
        sizes[id(part)] = _size(part, sizes)
        if len(sizes) > MOST_CONTAINERS:
            raise not_json(_MANY)
    if _size_of(value, sizes) > MOST_CHARACTERS:
        raise not_json(_LARGE)


def not_json(why: str) -> NodeError:
    """The error of a result that cannot be an output."""
    text = f"The result is not JSON: {why[:1_000]}. Return objects with text keys, lists, texts and numbers."
    return NodeError("INVALID_OUTPUT", text)


def _is_container(value: Any) -> bool:
    return isinstance(value, dict | list | tuple)


def _children(part: Any) -> Iterable[Any]:
    return part.values() if isinstance(part, dict) else part


def _size(part: Any, sizes: dict[int, int]) -> int:
    """Characters of an object or a list whose parts are known, roughly and never too few by much."""
    size = 2 + sum(_size_of(child, sizes) + 1 for child in _children(part))
    if isinstance(part, dict):
        for key in part:
            if not isinstance(key, str):
                raise not_json(f"the key {str(key)[:40]} is not text")
            size += len(key) + 3
    return min(size, MOST_CHARACTERS + 1)


def _size_of(value: Any, sizes: dict[int, int]) -> int:
    if isinstance(value, str):
        return len(value) + 2
    if isinstance(value, int):
        if abs(value) >= _MOST_INTEGER:
            raise not_json(_LONG)
        return _NUMBER + value.bit_length() // 3
    if value is None:
        return _NUMBER
    if isinstance(value, float):
        if value - value != 0:
            raise not_json("NaN and infinity are not numbers there")
        return _NUMBER
    if _is_container(value):
        return sizes[id(value)]
    raise not_json(f"it holds {_named(value)}")


def _named(value: Any) -> str:
    """`a set`, or the class of the code's own that it is."""
    name = getattr(value, "name", None)
    return f"the class or function {name}" if isinstance(name, str) else f"a {type(value).__name__}"
