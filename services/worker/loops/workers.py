"""Worker rows: forgets processes that have been silent for a day."""

from typing import Any, ClassVar

import psycopg

from services.worker.loops.base import Loop

FORGET_SILENT = "DELETE FROM workers WHERE beat_at < now() - interval '1 day'"


class Workers(Loop):
    """Every start makes a new row, so old ones would pile up."""

    interval_s: ClassVar[float] = 600.0

    def run(self, connection: psycopg.Connection[Any]) -> float:
        """Delete the silent ones."""
        connection.execute(FORGET_SILENT)
        return self.interval_s
