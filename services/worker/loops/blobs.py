"""Blobs: removes those that nothing refers to, and files of weeks whose history is gone."""

from typing import Any, ClassVar

import psycopg

from services.worker.loops.base import Loop, Tools
from shared.blobs import Store, make_store
from shared.db.few import FewConnections
from shared.db.removal import weeks_there
from shared.engine.orphans import LIMIT, sweep_puts
from shared.log import get_logger

_log = get_logger(__name__)


class Blobs(Loop):
    """Whatever it misses goes with the partition of its week."""

    interval_s: ClassVar[float] = 15.0

    def __init__(self, tools: Tools) -> None:
        super().__init__(tools)
        few = FewConnections(tools.settings.database_url, application_name="flowversal-blobs", most=1)
        self._store: Store = make_store(tools.settings, few.borrow)

    def run(self, connection: psycopg.Connection[Any]) -> float:
        """One look."""
        swept = sweep_puts(connection, self._store)
        if swept.removed:
            _log.info("blobs without an outcome removed", count=swept.removed)
        kept = weeks_there(connection)
        if kept:
            dropped = self._store.drop_before(min(kept), kept)
            if dropped:
                _log.info("blobs of old weeks removed", weeks=dropped)
        return 0.0 if swept.seen == LIMIT and swept.removed else self.interval_s
