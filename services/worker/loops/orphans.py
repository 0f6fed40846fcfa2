"""Children whose parents were stopped: canceled, level by level, well within a second."""

from typing import Any, ClassVar

import psycopg

from services.worker.loops.base import Loop
from shared.db import subruns
from shared.engine.cancel import CancelResult
from shared.engine.complete import Applied
from shared.engine.orphan import LIMIT, cancel_orphan


class Orphans(Loop):
    """One look-up in a small index; each is canceled in a transaction of its own."""

    interval_s: ClassVar[float] = 0.2

    def run(self, connection: psycopg.Connection[Any]) -> float:
        """One look; at once again if there were any, for they may have children."""
        found = subruns.orphans(connection, LIMIT)
        for id in found:
            result = cancel_orphan(connection, id)
            ended = {id: "canceled"} if result is CancelResult.CANCELED else {}
            self.tools.announce(Applied([], {id}, 1, ended), "orphaned")
        return 0.0 if found else self.interval_s
