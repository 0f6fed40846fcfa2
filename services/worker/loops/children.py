"""Children that are over: their parents' steps go on, within a tenth of a second."""

from typing import Any, ClassVar

import psycopg

from services.worker.loops.base import Loop, Tools
from services.worker.loops.postponed import Postponed
from shared.engine.report import LIMIT, report_child, unreported


class Children(Loop):
    """One look-up in a small index; each is reported in a transaction of its own, and what fails holds up no other."""

    interval_s: ClassVar[float] = 0.1

    def __init__(self, tools: Tools) -> None:
        super().__init__(tools)
        self._postponed = Postponed()

    def run(self, connection: psycopg.Connection[Any]) -> float:
        """One look."""
        found = unreported(connection, without=self._postponed.ids(), horizon=self.horizon.get(connection))
        for id in found:
            with self._postponed.isolated(id):
                applied = report_child(connection, id, republish_s=self.tools.settings.republish_after_s)
                self.tools.announce(applied, "reported")
        return 0.0 if len(found) == LIMIT else self.interval_s
