"""Stop a live execution: no step starts any more, what waits is canceled, what runs is told to end."""

from typing import Any, Final, Literal
from uuid import UUID

import psycopg

from shared.db import hot
from shared.db.partitions import week_of
from shared.engine.asks import forsake

Stopping = Literal["cancel", "fail"]
ENDS_AS: Final[dict[Stopping, str]] = {"cancel": "canceled", "fail": "failed"}

REQUEST_STOP = """
UPDATE executions SET stopping = %(stopping)s, stop_requested_at = coalesce(stop_requested_at, clock_timestamp()),
  open_steps = open_steps - %(opened)s, waiting_steps = waiting_steps - %(waiting)s, revision = revision + 1,
  state = CASE WHEN open_steps = %(opened)s THEN %(ends_as)s
               WHEN state = 'waiting' THEN 'running' ELSE state END,
  completed_at = CASE WHEN open_steps = %(opened)s THEN clock_timestamp() END
WHERE id = %(id)s RETURNING state
"""
"""Stop claims; terminal at once when nothing runs."""

LEAVE_LINE = "DELETE FROM admissions WHERE execution_id = %s AND admitted_at IS NULL"
"""Who waits for a slot gives up its place in line, so that the next admission does not meet it."""


def stop_execution(connection: psycopg.Connection[Any], execution_id: UUID, stopping: Stopping) -> bool:
    """Stop an execution that the caller has locked and found live; True if it is over, as nothing of it ran.

    The workers hear of it when the caller commits; the last of them ends the execution.
    """
    week = week_of(execution_id)
    counts = connection.execute(hot.on_week(hot.CANCEL_OPEN, week), {"ids": [execution_id]}).fetchone()
    opened, waiting = (counts[1], counts[2]) if counts else (0, 0)
    parameters = {
        "id": execution_id,
        "stopping": stopping,
        "ends_as": ENDS_AS[stopping],
        "opened": opened,
        "waiting": waiting,
    }
    row = connection.execute(REQUEST_STOP, parameters).fetchone()
    forsake(connection, execution_id)
    connection.execute(LEAVE_LINE, (execution_id,))
    connection.execute(hot.NOTIFY_STOP, {"ids": [execution_id]})
    over = row is not None and row[0] == ENDS_AS[stopping]
    if over:
        connection.execute(hot.on_week(hot.INSERT_STATS, week), {"id": execution_id})
    return over
