"""Statistics in the API's shapes: what was folded plus the deltas not yet folded, in one statement, so always exact.

Executions are counted when they end. Success rate = success / (success + failed), to three decimals; average time is
the mean of those two; canceled executions count as executions only. Times in milliseconds. `unpricedCalls` are not in
the cost.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

import psycopg
from psycopg.rows import class_row

from shared.domain.ai_call import to_usd
from shared.domain.histogram import BOUNDS, percentile
from shared.queries import unpriced
from shared.queries.shapes import ms

P95_DAYS = 30
"""`p95Ms` looks at the executions of the last so many days."""

_SUMS = """
  sum(success)::bigint AS success, sum(failed)::bigint AS failed, sum(canceled)::bigint AS canceled,
  sum(duration_ms)::bigint AS duration_ms, sum(ai_tokens)::bigint AS ai_tokens, sum(api_calls)::bigint AS api_calls,
  sum(ai_cost_nano)::bigint AS ai_cost_nano,
  max(last_completed_at) AS last_completed_at"""
_COUNTED = """
  (state = 'success')::int AS success, (state = 'failed')::int AS failed, (state = 'canceled')::int AS canceled,
  CASE WHEN state = 'canceled' THEN 0 ELSE coalesce(duration_ms, 0) END AS duration_ms, ai_tokens, api_calls,
  ai_cost_nano"""
_FOLDED = "success, failed, canceled, duration_ms, ai_tokens, api_calls, ai_cost_nano, last_completed_at"

# Totals of some workflows; one row for each that ever ended an execution.
WORKFLOW_TOTALS = f"""
SELECT workflow_id AS key, {_SUMS} FROM (
  SELECT workflow_id, {_FOLDED} FROM stats_totals WHERE workflow_id = ANY(%(ids)s)
  UNION ALL
  SELECT workflow_id, {_COUNTED}, completed_at FROM stats_delta WHERE workflow_id = ANY(%(ids)s)) AS every
GROUP BY workflow_id
"""

# Totals of what some users ran; one row for each who ever ended an execution.
USER_TOTALS = f"""
SELECT user_id AS key, {_SUMS} FROM (
  SELECT user_id, {_FOLDED} FROM stats_totals WHERE user_id = ANY(%(ids)s)
  UNION ALL
  SELECT user_id, {_COUNTED}, completed_at FROM stats_delta WHERE user_id = ANY(%(ids)s)) AS every
GROUP BY user_id
"""

# Totals of everything, or of what one user ran; no row before the first execution ended.
OVERALL_TOTALS = f"""
SELECT NULL::uuid AS key, {_SUMS} FROM (
  SELECT {_FOLDED} FROM stats_totals WHERE %(user)s::uuid IS NULL OR user_id = %(user)s
  UNION ALL
  SELECT {_COUNTED}, completed_at FROM stats_delta WHERE %(user)s::uuid IS NULL OR user_id = %(user)s) AS every
HAVING count(*) > 0
"""

# Run times of some workflows since a moment, counted by bucket.
HISTOGRAM = """
SELECT workflow_id, bucket, sum(count)::bigint FROM (
  SELECT workflow_id, bucket, count FROM stats_histogram
  WHERE workflow_id = ANY(%(ids)s) AND measure = 'duration'
    AND hour >= date_trunc('hour', now() - make_interval(days => %(days)s), 'UTC')
  UNION ALL
  SELECT workflow_id, width_bucket(duration_ms::float8, %(bounds)s::float8[])::smallint, 1 FROM stats_delta
  WHERE workflow_id = ANY(%(ids)s) AND state <> 'canceled' AND duration_ms IS NOT NULL
    AND completed_at >= date_trunc('hour', now() - make_interval(days => %(days)s), 'UTC')) AS every
GROUP BY workflow_id, bucket
"""

# Executions that run now, those being canceled included.
RUNNING = """
SELECT count(*) FROM executions
WHERE state IN ('queued', 'running', 'waiting') AND (state = 'running' OR stopping IS NOT NULL)
  AND (%(user)s::uuid IS NULL OR user_id = %(user)s)
"""

# The same totals from the executions themselves, and from what retention has removed of them: a week counts as removed as
# soon as its totals are written. Reads every execution, for tests and repairs only.
RECOUNT = """
SELECT workflow_id, user_id, sum(success)::bigint, sum(failed)::bigint, sum(canceled)::bigint, sum(duration_ms)::bigint,
  sum(ai_tokens)::bigint, sum(api_calls)::bigint, sum(ai_cost_nano)::bigint
FROM (
  SELECT workflow_id, user_id, (state = 'success')::int AS success, (state = 'failed')::int AS failed,
    (state = 'canceled')::int AS canceled,
    CASE WHEN state = 'canceled' THEN 0 ELSE coalesce(
      floor(extract(epoch FROM completed_at) * 1000) - floor(extract(epoch FROM started_at) * 1000), 0) END AS duration_ms,
    ai_tokens, api_calls, ai_cost_nano
  FROM executions e
  WHERE state IN ('success', 'failed', 'canceled') AND NOT EXISTS (
    SELECT FROM retention_runs r
    WHERE r.kind = 'week' AND r.completed_at IS NULL AND e.id >= r.low AND e.id < r.high)
  UNION ALL
  SELECT workflow_id, user_id, success, failed, canceled, duration_ms, ai_tokens, api_calls, ai_cost_nano
  FROM stats_pruned) AS every
GROUP BY workflow_id, user_id
"""

# A partition that is dropped vanishes from snapshots that are older, too: who compares under one snapshot takes this
# before it, and the drop waits.
HOLD_HISTORY = "LOCK TABLE executions IN ACCESS SHARE MODE"

# What readers add up, in the shape of a recount.
COUNTED = f"""
SELECT workflow_id, user_id, sum(success)::bigint, sum(failed)::bigint, sum(canceled)::bigint,
  sum(duration_ms)::bigint, sum(ai_tokens)::bigint, sum(api_calls)::bigint, sum(ai_cost_nano)::bigint
FROM (
  SELECT workflow_id, user_id, {_FOLDED} FROM stats_totals
  UNION ALL
  SELECT workflow_id, user_id, {_COUNTED}, completed_at FROM stats_delta) AS every
GROUP BY workflow_id, user_id
"""

Counts = dict[tuple[UUID, UUID], tuple[int, ...]]
"""By (workflow, user): success, failed, canceled, summed duration (ms) of the first two, AI tokens, API calls, cost of AI
(nano-dollars)."""


@dataclass(frozen=True, slots=True)
class Totals:
    """Sums over ended executions; `duration_ms` over successful and failed ones."""

    key: UUID | None = None
    success: int = 0
    failed: int = 0
    canceled: int = 0
    duration_ms: int = 0
    ai_tokens: int = 0
    api_calls: int = 0
    ai_cost_nano: int = 0
    last_completed_at: datetime | None = None

    def shape(self) -> dict[str, Any]:
        """The JSON of the API; rate and average are None before the first success or failure."""
        judged = self.success + self.failed
        return {
            "executions": judged + self.canceled,
            "success": self.success,
            "failed": self.failed,
            "canceled": self.canceled,
            "successRate": round(self.success / judged, 3) if judged else None,
            "averageMs": round(self.duration_ms / judged) if judged else None,
            "lastExecutedAt": ms(self.last_completed_at),
            "aiTokensUsed": self.ai_tokens,
            "aiCostUsd": to_usd(self.ai_cost_nano),
            "apiCallsMade": self.api_calls,
        }


def overview(connection: psycopg.Connection[Any], user_id: UUID | None = None) -> dict[str, Any]:
    """Everything ever, or what one user ran, and how many of these executions run now."""
    values = {"user": user_id}
    shape = _totals(connection, OVERALL_TOTALS, values).get(None, Totals()).shape()
    row = connection.execute(RUNNING, values).fetchone()
    shape["unpricedCalls"] = unpriced.overall(connection, user_id)
    return {"totalExecutions": shape.pop("executions"), **shape, "running": row[0] if row else 0}


def workflow_stats(connection: psycopg.Connection[Any], ids: Sequence[UUID]) -> dict[UUID, dict[str, Any]]:
    """Statistics of each workflow of `ids`, also of those that never ran; `p95Ms` over the last 30 days."""
    totals = _totals(connection, WORKFLOW_TOTALS, {"ids": list(ids)})
    buckets, calls = _buckets(connection, ids), unpriced.of_workflows(connection, ids)
    return {
        key: totals.get(key, Totals()).shape()
        | {"unpricedCalls": calls.get(key, 0), "p95Ms": percentile(buckets.get(key, {}), 0.95)}
        for key in ids
    }


def user_stats(connection: psycopg.Connection[Any], ids: Sequence[UUID]) -> dict[UUID, dict[str, Any]]:
    """Statistics of what each user of `ids` ran, also of those who never ran anything."""
    totals, calls = _totals(connection, USER_TOTALS, {"ids": list(ids)}), unpriced.of_users(connection, ids)
    return {key: totals.get(key, Totals()).shape() | {"unpricedCalls": calls.get(key, 0)} for key in ids}


def counted(connection: psycopg.Connection[Any]) -> Counts:
    """What the statistics say, to be compared with `recount` under one snapshot, which `HOLD_HISTORY` comes before."""
    return {(row[0], row[1]): tuple(row[2:]) for row in connection.execute(COUNTED)}


def recount(connection: psycopg.Connection[Any]) -> Counts:
    """What the executions themselves say, with the totals of those that retention removed. Not for pages: reads them all."""
    return {(row[0], row[1]): tuple(int(value) for value in row[2:]) for row in connection.execute(RECOUNT)}


def _totals(connection: psycopg.Connection[Any], query: str, values: Mapping[str, Any]) -> dict[UUID | None, Totals]:
    with connection.cursor(row_factory=class_row(Totals)) as cursor:
        return {row.key: row for row in cursor.execute(query, values)}


def _buckets(connection: psycopg.Connection[Any], ids: Sequence[UUID]) -> dict[UUID, dict[int, int]]:
    values = {"ids": list(ids), "bounds": list(BOUNDS), "days": P95_DAYS}
    found: dict[UUID, dict[int, int]] = {}
    for workflow_id, bucket, count in connection.execute(HISTOGRAM, values):
        found.setdefault(workflow_id, {})[bucket] = count
    return found
