"""Paths to a part of a JSON value: `customer.address.city`, `lines[0].price`, `["odd.name"]`. Pure; nothing is changed
in place.
"""

import re
from functools import lru_cache
from typing import Any

from shared.expr.kinds import kind

Key = str | int
Path = tuple[Key, ...]
MAX_LENGTH = 500
MAX_KEYS = 20
_MOST_PADDING = 1_000
_PART = re.compile(r"""\.?(?P<name>[^.\[\]"]+)|\[(?P<index>-?\d{1,9})\]|\["(?P<quoted>(?:[^"\\]|\\.)*)"\]""")


class Missing:
    """There is nothing at a path."""

    def __repr__(self) -> str:
        return "MISSING"


MISSING = Missing()


class WrongPath(ValueError):
    """A path that cannot be followed in a value; the message says where it ends."""


@lru_cache(maxsize=4_096)
def parse_path(text: str) -> Path:
    """The keys of a path; "" is the value itself. Raises ValueError saying what a path looks like."""
    if len(text) > MAX_LENGTH:
        raise ValueError(f"a path has at most {MAX_LENGTH} characters")
    keys: list[Key] = []
    place = 0
    while place < len(text):
        found = _PART.match(text, place)
        if found is None or (text[place] == "." and not keys) or (keys and text[place] not in ".["):
            raise ValueError(
                f'{_shown(text)} is no path: write it like customer.address.city, lines[0] or ["odd.name"]'
            )
        quoted, index = found["quoted"], found["index"]
        if quoted is not None:
            keys.append(re.sub(r"\\(.)", r"\1", quoted))
        else:
            keys.append(int(index) if index is not None else found["name"])
        place = found.end()
    if len(keys) > MAX_KEYS:
        raise ValueError(f"a path has at most {MAX_KEYS} parts")
    return tuple(keys)


def get_at(value: Any, path: Path) -> Any:
    """What is at a path; MISSING where there is nothing. A name that is no key of a list gives MISSING too."""
    for key in path:
        if isinstance(key, str):
            if not isinstance(value, dict) or key not in value:
                return MISSING
            value = value[key]
        elif isinstance(value, list) and -len(value) <= key < len(value):
            value = value[key]
        else:
            return MISSING
    return value


def set_at(value: Any, path: Path, new: Any) -> Any:
    """A copy of `value` with `new` at a path; objects and lists on the way are made, lists are filled up with null.

    Raises WrongPath where something else is in the way.
    """
    if not path:
        return new
    key, rest = path[0], path[1:]
    if isinstance(key, str):
        if value is MISSING or value is None:
            value = {}
        if not isinstance(value, dict):
            raise WrongPath(f"`{key}` cannot be set in {kind(value)}: it is not an object")
        return value | {key: set_at(value.get(key, MISSING), rest, new)}
    return _set_index([] if value is MISSING or value is None else value, key, rest, new)


def remove_at(value: Any, path: Path) -> Any:
    """A copy of `value` without what is at a path; `value` itself where there is nothing."""
    if not path or get_at(value, path) is MISSING:
        return value
    key, rest = path[0], path[1:]
    copy = dict(value) if isinstance(key, str) else list(value)
    if rest:
        copy[key] = remove_at(value[key], rest)  # type: ignore[index]
    else:
        del copy[key]  # type: ignore[arg-type]
    return copy


def _set_index(value: Any, index: int, rest: Path, new: Any) -> list[Any]:
    if not isinstance(value, list):
        raise WrongPath(f"[{index}] cannot be set in {kind(value)}: it is not a list")
    place = index + len(value) if index < 0 else index
    if not 0 <= place <= len(value) + _MOST_PADDING:
        raise WrongPath(f"[{index}] is far outside a list of {len(value):,}")
    copy = value + [None] * (place + 1 - len(value))
    copy[place] = set_at(copy[place], rest, new)
    return copy


def _shown(text: str) -> str:
    return f"`{text[:60]}`"
