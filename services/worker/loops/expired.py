"""What expires by itself: remembered answers to Idempotency-Keys after a day, sessions, rejected messages."""

from typing import Any, ClassVar

import psycopg

from services.worker.loops.base import Loop
from shared.db import dead_messages, idempotency, sessions


class Expired(Loop):
    """Small tables, and nobody waits for it."""

    interval_s: ClassVar[float] = 60.0

    def run(self, connection: psycopg.Connection[Any]) -> float:
        """One batch."""
        sessions.delete_expired(connection)
        dead_messages.prune(connection)
        return 0.0 if idempotency.prune(connection) == idempotency.PRUNE_LIMIT else self.interval_s
