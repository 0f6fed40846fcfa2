"""Deadlines of runs: fails what takes longer than its workflow allows, within half a second."""

from typing import Any, ClassVar

import psycopg

from services.worker.loops.base import Loop
from shared.engine.complete import Applied
from shared.engine.deadline import LIMIT, overdue, time_out


class Deadlines(Loop):
    """One look-up in a small index; each run is stopped in a transaction of its own."""

    interval_s: ClassVar[float] = 0.5

    def run(self, connection: psycopg.Connection[Any]) -> float:
        """One look."""
        found = overdue(connection, horizon=self.horizon.get(connection))
        for id in found:
            done = time_out(connection, id)
            if done is not None:
                self.tools.announce(Applied([], {id}, 1, {id: "failed"} if done.over else {}), "timed_out")
        return 0.0 if len(found) == LIMIT else self.interval_s
