"""What is left of webhook calls: the log of a week, and answers that nobody asks for again."""

from typing import Any, ClassVar

import psycopg

from services.worker.loops.base import Loop
from shared.db import deliveries, webhook_answers


class Webhooks(Loop):
    """Nobody waits for it."""

    interval_s: ClassVar[float] = 60.0

    def run(self, connection: psycopg.Connection[Any]) -> float:
        """One batch of each."""
        full = deliveries.prune(connection) == deliveries.PRUNE_LIMIT
        full |= webhook_answers.prune(connection) == webhook_answers.PRUNE_LIMIT
        return 0.0 if full else self.interval_s
