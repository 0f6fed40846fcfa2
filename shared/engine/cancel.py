"""Cancel an execution: somebody wants it to stop."""

from enum import StrEnum
from typing import Any
from uuid import UUID

import psycopg

from shared.domain.states import TERMINAL_EXECUTION
from shared.engine.stop import stop_execution

LOCK_EXECUTION = "SELECT state, stopping FROM executions WHERE id = %s FOR NO KEY UPDATE"
"""First lock of a cancel, as of every other transition."""


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
    state, stopping = row
    if state == "canceled":
        return CancelResult.ALREADY_CANCELED
    if state in TERMINAL_EXECUTION:
        return CancelResult.NOT_CANCELABLE
    if stopping == "cancel":
        return CancelResult.CANCELING
    return CancelResult.CANCELED if stop_execution(connection, execution_id, "cancel") else CancelResult.CANCELING
