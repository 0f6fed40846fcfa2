"""Log lines as COPY reads them: text, a tab between columns, a line end after each row."""

from datetime import UTC, datetime
from functools import lru_cache

from shared.domain.outcome import Key

COUNT_LOGS = """
SELECT execution_id, count(*) FROM execution_logs WHERE execution_id = ANY(%(ids)s::uuid[]) GROUP BY execution_id
"""
"""How many lines some executions have."""

COPY_LOGS = "COPY execution_logs (execution_id, node, item, attempt, at, level, message, fields) FROM STDIN"
"""Stores the rows of `line`, in their order."""

_SPECIAL = (("\\", "\\\\"), ("\t", "\\t"), ("\n", "\\n"), ("\r", "\\r"))
_NULL = "\\N"


def origin(key: Key, attempt: int) -> str:
    """How every line of an attempt begins."""
    execution_id, node, item = key
    return f"{execution_id}\t{_escaped(node)}\t{_escaped(item)}\t{attempt}\t"


def line(begins: str, at_ms: int, level: str, message: str, fields: str | None) -> str:
    """One row; `begins` is its origin, `fields` a JSON text. What Postgres cannot hold (NUL, surrogates) is the caller's."""
    # Of what COPY reads otherwise, JSON in one line has backslashes only.
    ends = _NULL if fields is None else fields.replace("\\", "\\\\")
    return f"{begins}{_moment(at_ms)}\t{level}\t{_escaped(message)}\t{ends}\n"


@lru_cache(maxsize=8)
def _moment(at_ms: int) -> str:
    """Milliseconds since the epoch as a timestamp; those that write much write many lines within one."""
    return datetime.fromtimestamp(at_ms / 1000, UTC).isoformat()


def _escaped(text: str) -> str:
    """For most texts two looks; for the others four searches, several times as quick as `str.translate`."""
    if text.isprintable() and "\\" not in text:
        return text
    for character, escape in _SPECIAL:
        if character in text:
            text = text.replace(character, escape)
    return text
