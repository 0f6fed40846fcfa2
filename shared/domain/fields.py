"""Reads one JSON object of a definition field by field, collecting what is wrong instead of stopping at it."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from shared.domain.errors import Problem
from shared.expr.errors import near, shorten

IDENTIFIER = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,63}")
"""Ids of nodes and containers, and names of ports."""
IDENTIFIER_RULE = "1 to 64 letters, digits and _, not beginning with a digit"
MAX_PROBLEMS = 500
"""Nobody reads more; what comes after is only counted as wrong."""
_MOST_HINTS = 100
_KINDS = {bool: "true/false", int: "a number", float: "a number", str: "text", list: "a list", dict: "an object"}


def kind(value: Any) -> str:
    """What a JSON value is, for a message: `text`, `a list`, `nothing`; never the value itself."""
    return _KINDS.get(type(value), "null")


def hint(problems: list[Problem], name: str, options: Iterable[str]) -> str:
    """`; near: a, b` for a name that is not among `options`; nothing once there are many problems, for it is slow."""
    return near(name, options) if len(problems) < _MOST_HINTS else ""


@dataclass(slots=True)
class Fields:
    """The fields of `value`, an object at `path`. Every reader returns a usable value and notes a problem if it must."""

    value: dict[str, Any]
    path: str
    problems: list[Problem]
    known: list[str] = field(default_factory=list)

    def at(self, key: str) -> str:
        """The path of a field."""
        return f"{self.path}.{key}" if self.path else key

    def refuse(self, key: str, message: str) -> None:
        """Note a problem with a field; an empty key means the object itself."""
        if len(self.problems) < MAX_PROBLEMS:
            self.problems.append(Problem(self.at(key) if key else self.path, message))

    def take(self, key: str) -> Any:
        """The field as it stands, None where it is missing. Every field that is read counts as known."""
        self.known.append(key)
        return self.value.get(key)

    def text(self, key: str, *, default: str = "", most: int = 200) -> str:
        """A text of at most `most` characters."""
        value = self.take(key)
        if value is None:
            return default
        if not isinstance(value, str):
            self.refuse(key, f"this must be text, not {kind(value)}")
        elif len(value) > most:
            self.refuse(key, f"this has {len(value):,} characters: at most {most} are allowed")
        else:
            return value
        return default

    def identifier(self, key: str, *, what: str) -> str | None:
        """A required id; None if there is none that another part could refer to."""
        value = self.take(key)
        if value is None:
            self.refuse(key, f"{what} needs an `{key}`: {IDENTIFIER_RULE}")
        elif not isinstance(value, str):
            self.refuse(key, f"`{key}` must be text, not {kind(value)}")
        elif not IDENTIFIER.fullmatch(value):
            self.refuse(key, f"an `{key}` is made of {IDENTIFIER_RULE}")
            return value if value and len(value) <= 200 else None
        else:
            return value
        return None

    def whole(self, key: str, default: int, *, least: int, most: int) -> int:
        """A whole number within the bounds, both included."""
        value = self.take(key)
        if value is None:
            return default
        if type(value) is float and value.is_integer():
            value = int(value)
        if type(value) is not int:
            self.refuse(key, f"this must be a whole number from {least:,} to {most:,}, not {kind(value)}")
        elif not least <= value <= most:
            self.refuse(key, f"this must be from {least:,} to {most:,}")
        else:
            return value
        return default

    def flag(self, key: str, *, default: bool) -> bool:
        """True or false."""
        value = self.take(key)
        if value is None or isinstance(value, bool):
            return default if value is None else value
        self.refuse(key, f"this must be true or false, not {kind(value)}")
        return default

    def choice(self, key: str, options: Sequence[str], *, later: Sequence[str] = ()) -> str:
        """One of `options`, the first where it is missing; those in `later` are refused as not available yet."""
        value = self.take(key)
        if value is None or value in options:
            return options[0] if value is None else str(value)
        if isinstance(value, str) and value in later:
            self.refuse(key, f"`{key}: {value}` is not available in this version; use {_either(options)}")
        else:
            self.refuse(key, f"this must be {_either(options)}")
        return options[0]

    def objects(self, key: str, *, most: int, what: str) -> "list[Fields]":
        """A list of objects; whatever is not an object is noted and left out."""
        value = self.take(key)
        if value is None:
            return []
        if not isinstance(value, list):
            self.refuse(key, f"this must be a list of {what}, not {kind(value)}")
            return []
        if len(value) > most:
            self.refuse(key, f"there are {len(value):,} {what}: at most {most:,} are allowed")
        found = []
        for index, child in enumerate(value[:most]):
            if isinstance(child, dict):
                found.append(Fields(child, f"{self.at(key)}[{index}]", self.problems))
            else:
                self.refuse(f"{key}[{index}]", f"this must be an object, not {kind(child)}")
        return found

    def object(self, key: str) -> "Fields":
        """An object; an empty one where it is missing or something else."""
        value = self.take(key)
        if value is not None and not isinstance(value, dict):
            self.refuse(key, f"this must be an object, not {kind(value)}")
        return Fields(value if isinstance(value, dict) else {}, self.at(key), self.problems)

    def later(self, key: str, what: str) -> None:
        """Refuse a field that a coming version will read; null counts as missing."""
        if self.take(key) is not None:
            self.refuse(key, f"{what} not available in this version: leave `{key}` out")

    def close(self, what: str) -> None:
        """Refuse every field that was not read, naming the near ones."""
        for key in self.value:
            if len(self.problems) >= MAX_PROBLEMS:
                return
            if key not in self.known:
                name = shorten(str(key), 64)
                self.refuse(name, f"{what} has no field `{name}`{hint(self.problems, name, self.known)}")


def _either(options: Sequence[str]) -> str:
    return " or ".join(f"`{option}`" for option in options)
