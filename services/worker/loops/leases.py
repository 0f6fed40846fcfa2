"""Expired leases: takes lost steps back, so that another worker can have them."""

import time
from typing import Any, ClassVar

import psycopg

from services.worker.loops.base import Loop, Tools
from shared.engine.expire import LIMIT, lost_steps
from shared.engine.isolate import apply_isolated
from shared.engine.sweep import LONGEST_WAIT_S, defer_running

_THOROUGH_EVERY_S = 10.0


class Leases(Loop):
    """Looks each second at what is due, and every ten seconds at all that runs."""

    interval_s: ClassVar[float] = 1.0

    def __init__(self, tools: Tools) -> None:
        super().__init__(tools)
        self._thorough_at = 0.0

    def run(self, connection: psycopg.Connection[Any]) -> float:
        """One look."""
        horizon = self.horizon.get(connection)
        ahead_s = self._ahead_s()
        lost = lost_steps(connection, ahead_s=ahead_s, horizon=horizon)
        republish_s = self.tools.settings.republish_after_s
        self.tools.announce(apply_isolated(connection, lost, republish_s=republish_s), "lost")
        defer_running(connection, horizon=horizon)
        return 0.0 if len(lost) == LIMIT else min(self.interval_s, self.tools.settings.sweep_s)

    def _ahead_s(self) -> float:
        now = time.monotonic()
        if now < self._thorough_at:
            return 0.0
        self._thorough_at = now + _THOROUGH_EVERY_S
        return LONGEST_WAIT_S + self.tools.settings.republish_after_s
