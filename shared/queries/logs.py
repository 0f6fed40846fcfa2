"""The log lines of one execution. Its cursor never skips a line that commits late."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

import psycopg

from shared.queries.shapes import ms, step_id

# A line's place is (tx, id); transactions that may still commit lines hide everything behind them.
PAGE = """
SELECT id, tx::text::bigint, at, level, node, item, attempt, message, fields FROM execution_logs
WHERE execution_id = %(id)s AND tx < pg_snapshot_xmin(pg_current_snapshot())
  AND (tx, id) > (%(tx)s::text::xid8, %(line)s::bigint)
ORDER BY tx, id LIMIT %(limit)s
"""
PLACE = "SELECT tx::text::bigint FROM execution_logs WHERE execution_id = %s AND id = %s"

NEWEST = "SELECT pg_snapshot_xmax(pg_current_snapshot())::text::bigint"
# Workers store lines within a quarter of a second, so a little later every line has been sent, and committed.
_SENT_WITHIN = "interval '600 ms'"
SETTLED = f"""
SELECT pg_snapshot_xmin(pg_current_snapshot())::text::bigint >= %s AND clock_timestamp() > %s + {_SENT_WITHIN}
"""
ALL_SENT_IN = f"SELECT extract(epoch FROM %s + {_SENT_WITHIN} - clock_timestamp())::float8"


class Cursor(NamedTuple):
    """The place of the last line seen; as text `8812-44`. The start is (0, 0)."""

    tx: int = 0
    line: int = 0

    def __str__(self) -> str:
        return f"{self.tx}-{self.line}"


def parse_cursor(connection: psycopg.Connection[Any], execution_id: UUID, text: str) -> Cursor | None:
    """A cursor from its text, or from the id of a line (`44`); None when it is neither."""
    tx, hyphen, line = text.partition("-")
    if not hyphen:
        tx, line = "", text
    if not _number(line) or (hyphen and not _number(tx)):
        return None
    if hyphen:
        return Cursor(int(tx), int(line))
    row = connection.execute(PLACE, (execution_id, int(line))).fetchone()
    return Cursor(row[0], int(line)) if row is not None else Cursor() if int(line) == 0 else None


def _number(text: str) -> bool:
    return text.isascii() and text.isdigit() and len(text) <= 18


def page(
    connection: psycopg.Connection[Any], execution_id: UUID, after: Cursor, limit: int
) -> list[tuple[Cursor, dict[str, Any]]]:
    """At most `limit` lines behind the cursor, oldest first, each with the cursor behind it."""
    values = {"id": execution_id, "tx": str(after.tx), "line": after.line, "limit": limit}
    return [(Cursor(tx, number), shape((number, *line))) for number, tx, *line in connection.execute(PAGE, values)]


def shape(line: Sequence[Any]) -> dict[str, Any]:
    """A log line of the API, from its id, at, level, node, item, attempt, message and fields."""
    number, at, level, node, item, attempt, message, fields = line
    return {
        "id": number,
        "at": ms(at),
        "level": level,
        "stepId": step_id(node, item) if node else None,
        "nodeId": node or None,
        "attempt": attempt,
        "message": message,
        "fields": fields or {},
    }


def newest_transaction(connection: psycopg.Connection[Any]) -> int:
    """The first transaction id that no transaction has had yet."""
    row = connection.execute(NEWEST).fetchone()
    assert row is not None  # noqa: S101 - a SELECT without FROM has one row
    return int(row[0])


def all_sent_in_s(connection: psycopg.Connection[Any], ended_at: datetime | None) -> float:
    """Seconds until every line of an execution that ended then has been sent; 0 or less once they have."""
    row = connection.execute(ALL_SENT_IN, (ended_at,)).fetchone()
    assert row is not None  # noqa: S101 - a SELECT without FROM has one row
    return float(row[0])


def settled(connection: psycopg.Connection[Any], transaction: int, ended_at: datetime | None) -> bool:
    """Whether no more lines come: the execution ended a moment ago, and every transaction before this one is over."""
    row = connection.execute(SETTLED, (transaction, ended_at)).fetchone()
    return row is not None and bool(row[0])
