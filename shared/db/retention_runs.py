"""What retention has removed, and what it is removing."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

import orjson
import psycopg

KEPT_DAYS = 400

INSERT_ROWS = """
INSERT INTO retention_runs (kind, week, low, high, completed_at)
VALUES ('rows', %(week)s, %(low)s, %(high)s, clock_timestamp()) RETURNING id
"""
COUNT_ROWS = """
UPDATE retention_runs SET completed_at = clock_timestamp(), executions = %(executions)s, rows = %(rows)s::json
WHERE id = %(id)s
"""
UNFINISHED = "SELECT id, week FROM retention_runs WHERE kind = 'week' AND completed_at IS NULL ORDER BY week"
FINISH = "UPDATE retention_runs SET completed_at = clock_timestamp() WHERE id = %s"
FORGET = "DELETE FROM retention_runs WHERE completed_at < now() - make_interval(days => %s)"


def insert_rows(connection: psycopg.Connection[Any], week: datetime, low: UUID, high: UUID) -> int:
    """Begin to note rows deleted from a week; returns the id of the note."""
    row = connection.execute(INSERT_ROWS, {"week": week, "low": low, "high": high}).fetchone()
    assert row is not None  # noqa: S101 - INSERT … RETURNING has one row
    return int(row[0])


def count_rows(connection: psycopg.Connection[Any], run_id: int, rows: Mapping[str, int]) -> None:
    """Note how many rows were deleted so far, by table."""
    values = {"id": run_id, "executions": rows["executions"], "rows": orjson.dumps(rows).decode()}
    connection.execute(COUNT_ROWS, values)


def unfinished(connection: psycopg.Connection[Any]) -> list[tuple[int, datetime]]:
    """Weeks that count as removed and whose partitions are still to go, the oldest first."""
    return [(row[0], row[1]) for row in connection.execute(UNFINISHED)]


def finish(connection: psycopg.Connection[Any], run_id: int) -> None:
    """The last partition is gone."""
    connection.execute(FINISH, (run_id,))


def forget(connection: psycopg.Connection[Any]) -> None:
    """Remove notes of long ago."""
    connection.execute(FORGET, (KEPT_DAYS,))
