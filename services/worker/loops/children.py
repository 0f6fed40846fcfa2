"""Children that are over: their parents' steps go on, within a tenth of a second."""

from typing import Any, ClassVar

import psycopg

from services.worker.loops.base import Loop
from shared.engine.report import LIMIT, report_child, unreported


class Children(Loop):
    """One look-up in a small index; each is reported in a transaction of its own."""

    interval_s: ClassVar[float] = 0.1

    def run(self, connection: psycopg.Connection[Any]) -> float:
        """One look."""
        found = unreported(connection, horizon=self.horizon.get(connection))
        for id in found:
            republish_s = self.tools.settings.republish_after_s
            self.tools.announce(report_child(connection, id, republish_s=republish_s), "reported")
        return 0.0 if len(found) == LIMIT else self.interval_s
