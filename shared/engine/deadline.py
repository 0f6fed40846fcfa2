"""Executions that take longer than `settings.timeoutMs` allows: found without a lock, stopped under one."""

from dataclasses import dataclass
from typing import Any
from uuid import UUID

import psycopg

from shared.db import hot
from shared.db.horizon import EVERYTHING, Horizon
from shared.db.partitions import week_of
from shared.domain.states import TERMINAL_EXECUTION
from shared.domain.values import to_json
from shared.engine.stop import stop_execution

CODE = "RUN_TIMEOUT"
LIMIT = 100

OVERDUE = """
SELECT id FROM executions
WHERE deadline_at <= now() AND completed_at IS NULL AND stopping IS NULL AND id BETWEEN %(lo)s AND %(hi)s
ORDER BY deadline_at LIMIT %(limit)s
"""
"""Live executions whose deadline has passed."""

LOCK = """
SELECT state, stopping, deadline_at <= clock_timestamp(), extract(epoch FROM deadline_at - started_at)::float8
FROM executions WHERE id = %s FOR NO KEY UPDATE
"""
"""First lock, as of every other transition."""


@dataclass(frozen=True, slots=True)
class TimedOut:
    """An execution that was stopped; `over`: nothing of it ran, so it has failed already."""

    id: UUID
    over: bool


def overdue(connection: psycopg.Connection[Any], *, limit: int = LIMIT, horizon: Horizon = EVERYTHING) -> list[UUID]:
    """Executions to stop, the longest overdue first."""
    return [row[0] for row in connection.execute(OVERDUE, {"limit": limit, **horizon._asdict()})]


def time_out(connection: psycopg.Connection[Any], execution_id: UUID) -> TimedOut | None:
    """Fail an overdue execution with RUN_TIMEOUT, in a transaction of its own; None if it is over or stopping by now."""
    with connection.transaction():
        row = connection.execute(LOCK, (execution_id,)).fetchone()
        if row is None or row[0] in TERMINAL_EXECUTION or row[1] is not None or not row[2]:
            return None
        error = _error(row[3])
        connection.execute(
            hot.on_week(hot.STORE_RUN_ERROR, week_of(execution_id)), {"id": execution_id, "error": error}
        )
        return TimedOut(execution_id, stop_execution(connection, execution_id, "fail"))


def _error(limit_s: float) -> str:
    text = f"The run took longer than its limit of {limit_s:g} s. Raise settings.timeoutMs if that is expected."
    return to_json({"code": CODE, "message": text, "retryable": False}, max_bytes=1_000).decode()
