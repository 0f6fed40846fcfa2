"""Retention: removes what is past its time, an hour after the last pass and in short steps."""

from collections.abc import Iterator
from typing import Any, ClassVar

import psycopg

from services.worker.loops.base import Loop, Tools
from shared.engine.retention import retention_pass
from shared.log import get_logger

LOCK = 0x72657465
PAUSE_S = 0.05
BUSY_S = 30.0
# Locks of a session are counted, so each try is given back.
TRY_LOCK = "SELECT pg_try_advisory_lock(%s)"
UNLOCK = "SELECT pg_advisory_unlock(%s)"
# What waits for a lock makes others wait behind it; reading a whole week takes as long as it takes.
PATIENCE = "SELECT set_config('lock_timeout', '2s', false), set_config('statement_timeout', '10min', false)"

_log = get_logger(__name__)


class Retention(Loop):
    """One process at a time; each pass of the loop is one short transaction of a pass over all weeks."""

    interval_s: ClassVar[float] = 3_600.0

    def __init__(self, tools: Tools) -> None:
        super().__init__(tools)
        self._steps: Iterator[None] | None = None

    def run(self, connection: psycopg.Connection[Any]) -> float:
        """One step; then the next after a moment, or a whole pass in an hour."""
        try:
            return self._alone(connection)
        except (psycopg.errors.LockNotAvailable, psycopg.errors.QueryCanceled) as error:
            self._steps = None
            _log.info("retention waits: somebody has been reading for long", error=str(error).strip())
            return BUSY_S
        except BaseException:
            self._steps = None
            raise

    def _alone(self, connection: psycopg.Connection[Any]) -> float:
        row = connection.execute(TRY_LOCK, (LOCK,)).fetchone()
        if row is None or not row[0]:
            self._steps = None
            return BUSY_S
        try:
            return self._step(connection)
        finally:
            if not connection.closed:
                connection.execute(UNLOCK, (LOCK,))

    def _step(self, connection: psycopg.Connection[Any]) -> float:
        if self._steps is None:
            connection.execute(PATIENCE)
            self._steps = retention_pass(connection, days=self.tools.settings.retention_days)
        for _ in self._steps:
            return PAUSE_S
        self._steps = None
        return self.interval_s
