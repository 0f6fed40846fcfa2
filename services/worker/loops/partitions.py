"""Partitions: keeps the coming weeks made."""

from typing import Any, ClassVar

import psycopg

from services.worker.loops.base import Loop
from shared.db.partitions import ensure_partitions
from shared.log import get_logger

_log = get_logger(__name__)


class Partitions(Loop):
    """Eight weeks ahead, so an hour more or less does not matter."""

    interval_s: ClassVar[float] = 3600.0

    def run(self, connection: psycopg.Connection[Any]) -> float:
        """Make what is missing."""
        created = ensure_partitions(connection)
        if created:
            _log.info("partitions created", names=created)
        return self.interval_s
