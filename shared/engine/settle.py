"""Executions that live on paper only: no step of theirs is open, yet they are not over. None should ever be found."""

from typing import Any
from uuid import UUID

import psycopg

from shared.db import hot
from shared.db.horizon import EVERYTHING, Horizon
from shared.db.partitions import week_of
from shared.domain.states import TERMINAL_EXECUTION, ExecutionEvent, ExecutionState, next_execution_state

LIMIT = 100

# Live executions without an open step, in one snapshot.
WITHOUT_STEPS = """
SELECT e.id FROM executions e
WHERE e.state IN ('queued', 'running', 'waiting') AND e.id BETWEEN %(lo)s AND %(hi)s
  AND NOT EXISTS (SELECT FROM steps s WHERE s.execution_id = e.id AND s.execution_id BETWEEN %(lo)s AND %(hi)s
                  AND s.state IN ('ready', 'running', 'retrying', 'waiting'))
ORDER BY e.id LIMIT %(limit)s
"""

# First lock, as of every other transition.
LOCK = "SELECT state, stopping FROM executions WHERE id = %s FOR NO KEY UPDATE"

# Counted after the lock, so nobody can open or end one meanwhile.
COUNT_STEPS = """
SELECT count(*) FILTER (WHERE state IN ('ready', 'running', 'retrying', 'waiting')),
  count(*) FILTER (WHERE state = 'pending')
FROM steps WHERE execution_id = %s
"""

# Ends an execution whose counters were wrong.
END = """
UPDATE executions SET state = %(state)s, open_steps = 0, waiting_steps = 0, revision = revision + 1,
  completed_at = clock_timestamp() WHERE id = %(id)s
"""


def stranded(connection: psycopg.Connection[Any], *, limit: int = LIMIT, horizon: Horizon = EVERYTHING) -> list[UUID]:
    """Live executions that nothing will ever end."""
    return [row[0] for row in connection.execute(WITHOUT_STEPS, {"limit": limit, **horizon._asdict()})]


def settle_stranded(connection: psycopg.Connection[Any], execution_id: UUID) -> ExecutionState | None:
    """End a stranded execution in a transaction of its own; None if it is well after all.

    What was being canceled becomes canceled; what was stopped by a failure, or has joins that nothing can reach,
    failed; the rest succeeded. Raises IllegalTransition for a state that cannot end that way.
    """
    with connection.transaction():
        row = connection.execute(LOCK, (execution_id,)).fetchone()
        counts = connection.execute(COUNT_STEPS, (execution_id,)).fetchone()
        if row is None or counts is None or counts[0] or row[0] in TERMINAL_EXECUTION:
            return None
        state = next_execution_state(ExecutionState(row[0]), _event(row[1], unreachable=counts[1]))
        connection.execute(END, {"id": execution_id, "state": state})
        connection.execute(hot.on_week(hot.INSERT_STATS, week_of(execution_id)), {"id": execution_id})
        return state


def _event(stopping: str | None, *, unreachable: int) -> ExecutionEvent:
    if stopping == "cancel":
        return ExecutionEvent.CANCELED
    return ExecutionEvent.FAILED if stopping == "fail" or unreachable else ExecutionEvent.SUCCEEDED
