"""Cancel an execution: no step starts any more; what runs is told to stop."""

from enum import StrEnum
from typing import Any
from uuid import UUID

import psycopg

from shared.db import hot
from shared.db.partitions import week_of

LOCK_EXECUTION = """
SELECT state, stopping, open_steps FROM executions WHERE id = %s FOR NO KEY UPDATE
"""
"""First lock of a cancel, as of every other transition."""

REQUEST_STOP = """
UPDATE executions SET stopping = 'cancel', stop_requested_at = coalesce(stop_requested_at, clock_timestamp()),
  open_steps = open_steps - %(opened)s, waiting_steps = waiting_steps - %(waiting)s, revision = revision + 1,
  state = CASE WHEN open_steps = %(opened)s THEN 'canceled'
               WHEN state = 'waiting' THEN 'running' ELSE state END,
  completed_at = CASE WHEN open_steps = %(opened)s THEN clock_timestamp() END
WHERE id = %(id)s RETURNING state
"""
"""Stop claims; terminal at once when nothing runs."""

_TERMINAL = ("success", "failed", "canceled")


class CancelResult(StrEnum):
    """What a cancel led to."""

    CANCELING = "canceling"
    CANCELED = "canceled"
    ALREADY_CANCELED = "already_canceled"
    NOT_CANCELABLE = "not_cancelable"
    NOT_FOUND = "not_found"


def cancel_execution(connection: psycopg.Connection[Any], execution_id: UUID) -> CancelResult:
    """Cancel in the caller's transaction; the workers hear of it when it commits. Safe to repeat."""
    row = connection.execute(LOCK_EXECUTION, (execution_id,)).fetchone()
    if row is None:
        return CancelResult.NOT_FOUND
    state, stopping, _ = row
    if state == "canceled":
        return CancelResult.ALREADY_CANCELED
    if state in _TERMINAL:
        return CancelResult.NOT_CANCELABLE
    if stopping == "cancel":
        return CancelResult.CANCELING
    week = week_of(execution_id)
    counts = connection.execute(hot.on_week(hot.CANCEL_OPEN, week), {"ids": [execution_id]}).fetchone()
    opened, waiting = (counts[1], counts[2]) if counts else (0, 0)
    parameters = {"id": execution_id, "opened": opened, "waiting": waiting}
    ended = connection.execute(REQUEST_STOP, parameters).fetchone()
    connection.execute(hot.NOTIFY_STOP, {"ids": [execution_id]})
    if ended is not None and ended[0] == "canceled":
        connection.execute(hot.on_week(hot.INSERT_STATS, week), {"id": execution_id})
        return CancelResult.CANCELED
    return CancelResult.CANCELING
