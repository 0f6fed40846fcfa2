"""Actions on many executions: cancels and retries them a few at a time, job by job in turn."""

from typing import Any, ClassVar

import psycopg

from services.worker.loops.base import Loop
from shared import metrics
from shared.engine.bulk import Advanced, advance_bulk
from shared.engine.complete import Applied

_MORE_S = 0.001


class Bulk(Loop):
    """One small transaction a pass, then a rest as long: workers and the other loops come between."""

    interval_s: ClassVar[float] = 0.5
    rest: ClassVar[float] = 1.0

    def run(self, connection: psycopg.Connection[Any]) -> float:
        """A few executions of the job whose turn it is."""
        done = advance_bulk(connection, republish_s=self.tools.settings.republish_after_s)
        if done is None:
            return self.interval_s
        self._announce(done)
        return _MORE_S

    def _announce(self, done: Advanced) -> None:
        metrics.EXECUTIONS_STARTED.labels("retry").inc(len(done.retries))
        ended = dict.fromkeys(done.canceled, "canceled")
        self.tools.announce(Applied(done.ready, done.touched, done.changed, ended), "bulk")
