"""Children whose parents were stopped: each is canceled in a transaction of its own, and its own children after it."""

from typing import Any
from uuid import UUID

import psycopg

from shared.db import subruns
from shared.engine.cancel import CancelResult, cancel_execution

LIMIT = 100


def cancel_orphan(connection: psycopg.Connection[Any], child_id: UUID) -> CancelResult:
    """Cancel one child that nobody waits for any more, on an autocommit connection. Safe to repeat."""
    with connection.transaction():
        result = cancel_execution(connection, child_id)
        subruns.set_adopted(connection, child_id)
        return result
