"""Names of fields as people read them: `maxRows` is Max rows. Pure."""

import re
from typing import Any

_WORDS = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z0-9]+")
_ACRONYMS = frozenset(
    {"api", "ca", "dsn", "http", "id", "imap", "ip", "json", "smtp", "sql", "ssl", "tls", "uri", "url"}
)


def label_of(name: str) -> str:
    """`testUrl` reads Test URL."""
    words = [word.upper() if word.lower() in _ACRONYMS else word.lower() for word in _WORDS.findall(name)] or [name]
    return " ".join((words[0][0].upper() + words[0][1:], *words[1:]))


def many_of(noun: str) -> str:
    """Its plural: entries, letters."""
    return f"{noun[:-1]}ies" if noun.endswith("y") else f"{noun}s"


def title_of(name: str, field: Any) -> str:
    """The title that a field without one has in a JSON Schema: a model's `field_title_generator`."""
    return label_of(field.alias or name)
