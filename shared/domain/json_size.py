"""How long a value is as JSON text, before anybody writes it: parts may be shared, so little memory may be endless text."""

from collections.abc import Callable, Iterable
from typing import Any

MOST_CONTAINERS = 1_000_000
_NUMBER = 8


class TooManyParts(ValueError):
    """More than MOST_CONTAINERS objects and lists."""


def leaf_size(value: Any) -> int:
    """Characters of what is neither a list nor an object, about."""
    if isinstance(value, str):
        return len(value) + 2
    return _NUMBER + value.bit_length() // 3 if isinstance(value, int) else _NUMBER


def json_size(value: Any, leaf: Callable[[Any], int] = leaf_size, key: Callable[[Any], int] = leaf_size) -> int:
    """Characters of `value`, about; escapes count once. `leaf` and `key` give the size of one, and may refuse it.

    Every list and object is looked at once, however often it is used, and none is too deep. Raises TooManyParts.
    """
    if not isinstance(value, dict | list | tuple):
        return leaf(value)
    sizes: dict[int, int] = {}
    todo: list[Any] = [value]
    while todo:
        part = todo[-1]
        if id(part) in sizes:
            todo.pop()
            continue
        inside = [child for child in _children(part) if _is_container(child) and id(child) not in sizes]
        if inside:
            todo += inside
            continue
        todo.pop()
        if len(sizes) >= MOST_CONTAINERS:
            raise TooManyParts(f"it has more than {MOST_CONTAINERS:,} objects and lists")
        sizes[id(part)] = _size(part, sizes, leaf, key)
    return sizes[id(value)]


def _size(part: Any, sizes: dict[int, int], leaf: Callable[[Any], int], key: Callable[[Any], int]) -> int:
    size = 2 + sum((sizes[id(child)] if _is_container(child) else leaf(child)) + 1 for child in _children(part))
    return size + sum(map(key, part), len(part)) if isinstance(part, dict) else size


def _children(part: Any) -> Iterable[Any]:
    return part.values() if isinstance(part, dict) else part


def _is_container(value: Any) -> bool:
    return isinstance(value, dict | list | tuple)
