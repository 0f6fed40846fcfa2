"""Retries and waits: makes them ready within 200 ms of their time, also those that were set a moment ago."""

from typing import Any, ClassVar

import psycopg

from services.worker.loops.base import Loop
from shared.engine.isolate import apply_isolated
from shared.engine.wake import LIMIT, sleepers

_SHORTEST_WAIT_S = 0.002


class Timers(Loop):
    """Wakes what is due and sleeps until the next timer, at most `interval_s`."""

    interval_s: ClassVar[float] = 0.2

    def run(self, connection: psycopg.Connection[Any]) -> float:
        """One look."""
        found = sleepers(connection, ahead_s=self.interval_s, horizon=self.horizon.get(connection))
        republish_s = self.tools.settings.republish_after_s
        self.tools.announce(apply_isolated(connection, found.due, republish_s=republish_s), "woken")
        if len(found.due) == LIMIT:
            return 0.0
        if found.next_s is None:
            return self.interval_s
        return min(self.interval_s, max(_SHORTEST_WAIT_S, found.next_s))
