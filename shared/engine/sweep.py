"""The sweeper: ready steps whose message seems lost get another one. It never waits for a lock."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import psycopg

from shared.broker import StepRef
from shared.db.horizon import EVERYTHING, Horizon

LIMIT = 500
LONGEST_WAIT_S = 300.0

# Whether any ready step is due to be looked at; most of the time none is.
SOMETHING_DUE = """
SELECT EXISTS (SELECT FROM steps WHERE due_at <= now() AND state = 'ready' AND execution_id BETWEEN %(lo)s AND %(hi)s)
"""

# How far each queue has come: the latest `ready_at` among the steps that run now.
PROGRESS = """
SELECT s.pool, e.priority, max(s.ready_at)
FROM steps s JOIN executions e ON e.id = s.execution_id
WHERE s.due_at IS NOT NULL AND s.state = 'running'
  AND s.execution_id BETWEEN %(lo)s AND %(hi)s AND e.id BETWEEN %(lo)s AND %(hi)s
GROUP BY s.pool, e.priority
"""

# A message counts as lost when its queue is empty, or has gone past the step, by `age_s`. Each new message doubles the
# wait until the next. Rows that somebody is working on are skipped.
REPUBLISH = """
WITH found AS (
  SELECT s.execution_id, s.node, s.item, e.priority
  FROM steps s JOIN executions e ON e.id = s.execution_id
  JOIN unnest(%(pools)s::text[], %(priorities)s::smallint[], %(reached)s::timestamptz[], %(empty)s::boolean[])
    AS q (pool, priority, reached, empty) ON q.pool = s.pool AND q.priority = e.priority
  WHERE s.due_at <= now() + make_interval(secs => %(ahead_s)s) AND s.state = 'ready' AND e.stopping IS NULL
    AND s.execution_id BETWEEN %(lo)s AND %(hi)s AND e.id BETWEEN %(lo)s AND %(hi)s
    AND s.ready_at < CASE WHEN q.empty THEN now() ELSE q.reached END - make_interval(secs => %(age_s)s)
  ORDER BY s.due_at LIMIT %(limit)s FOR UPDATE OF s SKIP LOCKED)
UPDATE steps s SET republished = least(s.republished + 1, 1000),
  due_at = now() + make_interval(secs => least(%(longest_s)s, %(after_s)s * 2 ^ least(s.republished + 1, 20)))
FROM found f
WHERE s.execution_id = f.execution_id AND s.node = f.node AND s.item = f.item
  AND s.execution_id BETWEEN %(lo)s AND %(hi)s
RETURNING s.execution_id, s.node, s.item, s.pool, f.priority
"""

# Running steps need no look before their lease is over.
DEFER_RUNNING = """
WITH found AS (
  SELECT execution_id, node, item FROM steps
  WHERE due_at <= now() AND state = 'running' AND lease_until > now() AND execution_id BETWEEN %(lo)s AND %(hi)s
  ORDER BY due_at LIMIT %(limit)s FOR UPDATE SKIP LOCKED)
UPDATE steps s SET due_at = s.lease_until
FROM found f
WHERE s.execution_id = f.execution_id AND s.node = f.node AND s.item = f.item
  AND s.execution_id BETWEEN %(lo)s AND %(hi)s
"""


@dataclass(frozen=True, slots=True)
class QueueState:
    """One queue: whether it is empty, and how far it has come (the latest `ready_at` of a step it delivered)."""

    pool: str
    priority: int
    empty: bool
    reached: datetime | None = None


def something_due(connection: psycopg.Connection[Any], *, horizon: Horizon = EVERYTHING) -> bool:
    """Whether a sweep could find anything, so that asking the broker is worth it."""
    row = connection.execute(SOMETHING_DUE, horizon._asdict()).fetchone()
    return bool(row and row[0])


def progress(connection: psycopg.Connection[Any], *, horizon: Horizon = EVERYTHING) -> dict[tuple[str, int], datetime]:
    """How far the queues with running steps have come, by (pool, priority)."""
    return {(row[0], row[1]): row[2] for row in connection.execute(PROGRESS, horizon._asdict())}


def sweep(
    connection: psycopg.Connection[Any],
    queues: Sequence[QueueState],
    *,
    after_s: float = 5.0,
    outage: bool = False,
    limit: int = LIMIT,
    horizon: Horizon = EVERYTHING,
) -> list[StepRef]:
    """Steps to publish (again) once this is committed, at most `limit`, the longest overdue first.

    After an `outage` of the broker nobody waits for `after_s`: what is ready while its queue is empty was lost.
    """
    values = {
        "pools": [queue.pool for queue in queues],
        "priorities": [queue.priority for queue in queues],
        "reached": [queue.reached for queue in queues],
        "empty": [queue.empty for queue in queues],
        "after_s": after_s,
        "age_s": 0.0 if outage else after_s,
        "ahead_s": after_s if outage else 0.0,
        "longest_s": LONGEST_WAIT_S,
        "limit": limit,
        **horizon._asdict(),
    }
    return [StepRef(*row) for row in connection.execute(REPUBLISH, values)]


def defer_running(connection: psycopg.Connection[Any], *, limit: int = LIMIT, horizon: Horizon = EVERYTHING) -> int:
    """Move `due_at` of running steps to the end of their lease; returns how many."""
    return connection.execute(DEFER_RUNNING, {"limit": limit, **horizon._asdict()}).rowcount
