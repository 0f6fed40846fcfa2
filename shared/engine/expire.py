"""Steps whose worker is gone: find them, tell the planner. Finding takes no lock; applying decides under one."""

from typing import Any

import psycopg

from shared.broker import StepRef
from shared.db.horizon import EVERYTHING, Horizon
from shared.domain.errors import FlowversalError
from shared.domain.outcome import Kind, Outcome
from shared.engine.isolate import apply_isolated
from shared.engine.plans import plan_of
from shared.engine.writes import LOST_ERROR

LIMIT = 500
CODE = "WORKER_LOST"

# Running steps whose lease is over. `due_at` comes first: it is the index, and it excludes what was looked at lately.
EXPIRED = """
SELECT s.execution_id, s.node, s.item, NULL,
  (SELECT e.version_id FROM executions e WHERE e.id = s.execution_id AND e.id BETWEEN %(lo)s AND %(hi)s)
FROM steps s
WHERE s.due_at <= now() + make_interval(secs => %(ahead_s)s) AND s.state = 'running' AND s.lease_until < now()
  AND s.execution_id BETWEEN %(lo)s AND %(hi)s
ORDER BY s.due_at LIMIT %(limit)s
"""

# Everything that one worker runs, with the fences of its claims.
OF_WORKER = """
SELECT s.execution_id, s.node, s.item, s.fence,
  (SELECT e.version_id FROM executions e WHERE e.id = s.execution_id AND e.id BETWEEN %(lo)s AND %(hi)s)
FROM steps s
WHERE s.due_at IS NOT NULL AND s.state = 'running' AND s.worker = %(worker)s
  AND s.execution_id BETWEEN %(lo)s AND %(hi)s
"""


def lost_steps(
    connection: psycopg.Connection[Any],
    *,
    limit: int = LIMIT,
    ahead_s: float = 0.0,
    horizon: Horizon = EVERYTHING,
) -> list[Outcome]:
    """Outcomes for running steps whose lease is over.

    Steps that were published again may have a `due_at` of up to five minutes ahead although they run by now:
    `ahead_s` looks that far, at the price of reading every step that is due until then.
    """
    values = {"limit": limit, "ahead_s": ahead_s, **horizon._asdict()}
    return [_lost(connection, row) for row in connection.execute(EXPIRED, values).fetchall()]


def steps_of_worker(
    connection: psycopg.Connection[Any], worker_id: str, *, horizon: Horizon = EVERYTHING
) -> list[Outcome]:
    """Outcomes for every step that a worker runs; for whoever knows that the worker is dead."""
    values = {"worker": worker_id, **horizon._asdict()}
    return [_lost(connection, row) for row in connection.execute(OF_WORKER, values).fetchall()]


def expire_worker(connection: psycopg.Connection[Any], worker_id: str) -> list[StepRef]:
    """Take back, at once, what a dead worker ran; returns the steps to publish after the commit."""
    return apply_isolated(connection, steps_of_worker(connection, worker_id)).ready


def _lost(connection: psycopg.Connection[Any], row: tuple[Any, ...]) -> Outcome:
    """A step that was lost too often fails, so it may touch what any end of it may."""
    execution_id, node, item, fence, version_id = row
    try:
        touches = plan_of(connection, version_id).touches(node, item)
    except (FlowversalError, KeyError):
        # Applying it fails for the same reason, where it holds up nobody else.
        touches = ()
    key = (execution_id, node, item)
    return Outcome(key, Kind.LOST, fence, error=LOST_ERROR, error_code=CODE, touches=touches)
