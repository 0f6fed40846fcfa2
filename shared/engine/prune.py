"""Remove executions that are past their retention: some rows of a week, or the whole week at once.

Both write the totals of what goes in the same transaction, so that statistics = recount + pruned at any moment.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import orjson
import psycopg

from shared.db import belongings, retention_runs
from shared.db.hot import on_week
from shared.db.partitions import PARTITIONED
from shared.db.removal import Partition, partitions_of

LIMIT = 200
_FIRST = UUID(int=0)

# Over for so many days, nothing is still to follow, and no retry refers to its outputs: none whose id is not below
# `kept_from`. Without any retention the comparison of days is NULL: kept.
_EXPENDABLE = """
(e.state IN ('success', 'failed', 'canceled') AND NOT (e.state = 'failed' AND e.on_failure IS NOT NULL)
  AND NOT e.awaited AND e.completed_at < now() - make_interval(days => coalesce(w.retention_days, %(days)s::int))
  AND NOT EXISTS (SELECT FROM execution_retries r WHERE r.retry_of = e.id AND r.id >= %(kept_from)s))
"""
_OF_WEEK = "FROM {executions} e LEFT JOIN workflows w ON w.id = e.workflow_id"

EXPENDABLE = f"""
SELECT e.id {_OF_WEEK} WHERE e.id > %(after)s AND {_EXPENDABLE}
ORDER BY e.id LIMIT %(limit)s FOR UPDATE OF e SKIP LOCKED
"""
"""The next executions to remove, held: first lock, as everywhere. One that somebody redrives is left for the next pass."""

SOMETHING_KEPT = f"SELECT EXISTS (SELECT {_OF_WEEK} WHERE {_EXPENDABLE} IS NOT TRUE)"
"""Whether a week holds an execution that lives or is within its retention. What is over never lives again."""

VERDICT = f"""
SELECT CASE WHEN w.retention_days IS NOT NULL THEN w.id END, count(*) FILTER (WHERE {_EXPENDABLE}), count(*)
{_OF_WEEK} GROUP BY 1
"""
"""For a dry run: by rule (a workflow's own, or NULL: the instance's) how many would go, of how many."""

_ADD_PRUNED = """
, totals AS (
  INSERT INTO stats_pruned AS t
  SELECT workflow_id, user_id, count(*) FILTER (WHERE state = 'success'), count(*) FILTER (WHERE state = 'failed'),
    count(*) FILTER (WHERE state = 'canceled'),
    coalesce(sum(floor(extract(epoch FROM completed_at) * 1000) - floor(extract(epoch FROM started_at) * 1000))
      FILTER (WHERE state <> 'canceled'), 0),
    sum(steps_executed), sum(ai_tokens), sum(api_calls), sum(ai_cost_nano)
  FROM gone GROUP BY workflow_id, user_id ORDER BY workflow_id, user_id
  ON CONFLICT (workflow_id, user_id) DO UPDATE SET
    success = t.success + excluded.success, failed = t.failed + excluded.failed,
    canceled = t.canceled + excluded.canceled, duration_ms = t.duration_ms + excluded.duration_ms,
    steps = t.steps + excluded.steps, ai_tokens = t.ai_tokens + excluded.ai_tokens,
    api_calls = t.api_calls + excluded.api_calls, ai_cost_nano = t.ai_cost_nano + excluded.ai_cost_nano)
"""

DELETE_EXECUTIONS = (
    "WITH gone AS (DELETE FROM {executions} WHERE id = ANY(%(ids)s::uuid[]) RETURNING *)"
    + _ADD_PRUNED
    + "SELECT count(*) FROM gone"
)
"""The executions, and their totals."""

INSERT_WEEK = (
    "WITH gone AS (SELECT * FROM {executions})"
    + _ADD_PRUNED
    + """
INSERT INTO retention_runs (kind, week, low, high, executions, rows, bytes)
SELECT 'week', %(week)s, %(first_id)s, %(end_id)s, count(*), %(rows)s::json, %(bytes)s FROM gone
"""
)
"""A week counts as removed from here on: its totals, and what is to be finished."""

BOUNDS = "SELECT uuid7_floor(%s), uuid7_floor(%s)"


@dataclass(slots=True)
class Deletion:
    """Rows being deleted from one week: each batch goes on where the last one ended. Of no use after an error."""

    week: datetime
    after: UUID = _FIRST
    run_id: int | None = None
    rows: dict[str, int] = field(default_factory=dict)
    """Deleted so far, by table."""

    def batch(self, connection: psycopg.Connection[Any], *, days: int | None, limit: int = LIMIT) -> int:
        """Delete at most `limit` executions and all that is theirs, in a transaction of its own; returns how many.

        `days` is the retention of the instance.
        """
        with connection.transaction():
            values = {"days": days, "after": self.after, "limit": limit, "kept_from": _FIRST}
            found = [row[0] for row in connection.execute(on_week(EXPENDABLE, self.week), values)]
            if found:
                counts = _delete(connection, self.week, found)
                self._note(connection, counts)
                self.after = found[-1]
        return len(found)

    def _note(self, connection: psycopg.Connection[Any], counts: dict[str, int]) -> None:
        if self.run_id is None:
            self.run_id = retention_runs.insert_rows(connection, self.week, *bounds(connection, self.week))
        self.rows = {table: self.rows.get(table, 0) + count for table, count in counts.items()}
        retention_runs.count_rows(connection, self.run_id, self.rows)


def _delete(connection: psycopg.Connection[Any], week: datetime, ids: Sequence[UUID]) -> dict[str, int]:
    """Everything of these executions; the rows deleted by table."""
    there = {part.table for part in partitions_of(connection, week)}
    counts = {}
    for table in PARTITIONED:
        if table != "executions" and table in there:
            statement = on_week(f"DELETE FROM {{{table}}} WHERE execution_id = ANY(%(ids)s::uuid[])", week)
            counts[table] = connection.execute(statement, {"ids": ids}).rowcount
    counts |= belongings.delete_of(connection, ids)
    connection.execute(on_week(DELETE_EXECUTIONS, week), {"ids": ids})
    return {"executions": len(ids), **counts}


def remove_whole(connection: psycopg.Connection[Any], week: datetime, *, days: int | None) -> bool:
    """Write the totals of a week off, in a transaction of its own, if nothing in it is to be kept; its partitions follow.

    Only one process at a time may call this: see the loop's lock.
    """
    with connection.transaction():
        low, high = bounds(connection, week)
        # Retries of the same week go with it, or keep it themselves.
        row = connection.execute(on_week(SOMETHING_KEPT, week), {"days": days, "kept_from": high}).fetchone()
        if row is None or row[0]:
            return False
        parts = partitions_of(connection, week)
        values = {
            "week": week,
            "first_id": low,
            "end_id": high,
            "rows": _estimates(parts),
            "bytes": sum(p.bytes for p in parts),
        }
        connection.execute(on_week(INSERT_WEEK, week), values)
        belongings.delete_between(connection, low, high)
    return True


def bounds(connection: psycopg.Connection[Any], week: datetime) -> tuple[UUID, UUID]:
    """The ids of a week: from (included) and to (not)."""
    row = connection.execute(BOUNDS, (week, week + timedelta(weeks=1))).fetchone()
    assert row is not None  # noqa: S101 - a SELECT without FROM has one row
    return row[0], row[1]


def _estimates(parts: Sequence[Partition]) -> str:
    """Rows by table as Postgres estimates them."""
    return orjson.dumps({part.table: part.rows for part in parts}).decode()
