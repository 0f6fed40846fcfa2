"""Steps whose worker is gone: find them, tell the planner. Finding takes no lock; applying decides under one."""

from typing import Any

import psycopg

from shared.broker import StepRef
from shared.db.horizon import EVERYTHING, Horizon
from shared.domain.outcome import Kind, Outcome
from shared.engine.isolate import apply_isolated
from shared.engine.writes import LOST_ERROR

LIMIT = 500
CODE = "WORKER_LOST"

# Running steps whose lease is over. `due_at` comes first: it is the index, and it excludes what was looked at lately.
EXPIRED = """
SELECT execution_id, node, item FROM steps
WHERE due_at <= now() + make_interval(secs => %(ahead_s)s) AND state = 'running' AND lease_until < now()
  AND execution_id BETWEEN %(lo)s AND %(hi)s
ORDER BY due_at LIMIT %(limit)s
"""

# Everything that one worker runs, with the fences of its claims.
OF_WORKER = """
SELECT execution_id, node, item, fence FROM steps
WHERE due_at IS NOT NULL AND state = 'running' AND worker = %(worker)s
  AND execution_id BETWEEN %(lo)s AND %(hi)s
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
    return [_lost((row[0], row[1], row[2]), None) for row in connection.execute(EXPIRED, values)]


def steps_of_worker(
    connection: psycopg.Connection[Any], worker_id: str, *, horizon: Horizon = EVERYTHING
) -> list[Outcome]:
    """Outcomes for every step that a worker runs; for whoever knows that the worker is dead."""
    values = {"worker": worker_id, **horizon._asdict()}
    return [_lost((row[0], row[1], row[2]), row[3]) for row in connection.execute(OF_WORKER, values)]


def expire_worker(connection: psycopg.Connection[Any], worker_id: str) -> list[StepRef]:
    """Take back, at once, what a dead worker ran; returns the steps to publish after the commit."""
    return apply_isolated(connection, steps_of_worker(connection, worker_id)).ready


def _lost(key: tuple[Any, str, str], fence: int | None) -> Outcome:
    return Outcome(key=key, kind=Kind.LOST, fence=fence, error=LOST_ERROR, error_code=CODE)
