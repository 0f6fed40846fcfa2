"""The horizon of live executions as a loop keeps it: renewed once a minute."""

import time
from typing import Any

import psycopg

from shared.db.horizon import Horizon, live_horizon

RENEW_S = 60.0


class RenewedHorizon:
    """Not shared between threads: each loop has its own."""

    def __init__(self) -> None:
        self._horizon: Horizon | None = None
        self._renew_at = 0.0

    def get(self, connection: psycopg.Connection[Any]) -> Horizon:
        """The bounds, at most a minute old."""
        now = time.monotonic()
        if self._horizon is None or now >= self._renew_at:
            self._horizon = live_horizon(connection)
            self._renew_at = now + RENEW_S
        return self._horizon
