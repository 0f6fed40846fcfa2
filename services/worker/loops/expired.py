"""What expires by itself: answers to Idempotency-Keys after a day, sessions, rejected messages, firings that started nothing."""

from typing import Any, ClassVar

import psycopg

from services.worker.loops.base import Loop
from shared.db import dead_messages, fires, idempotency, sessions


class Expired(Loop):
    """Small tables, and nobody waits for it."""

    interval_s: ClassVar[float] = 60.0

    def run(self, connection: psycopg.Connection[Any]) -> float:
        """One batch."""
        sessions.delete_expired(connection)
        dead_messages.prune(connection)
        fires.prune(connection)
        return 0.0 if idempotency.prune(connection) == idempotency.PRUNE_LIMIT else self.interval_s
