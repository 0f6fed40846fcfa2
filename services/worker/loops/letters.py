"""Dead letters: writes one for each run that failed, within half a second."""

from typing import Any, ClassVar

import psycopg

from services.worker.loops.base import Loop
from shared import metrics
from shared.engine.bury import LIMIT, bury


class Letters(Loop):
    """A look into an index that is empty while nothing fails."""

    interval_s: ClassVar[float] = 0.5

    def run(self, connection: psycopg.Connection[Any]) -> float:
        """One batch."""
        written = bury(connection, horizon=self.horizon.get(connection))
        metrics.DEAD_LETTERS.labels("run").inc(len(written))
        self.tools.hints.touch(*written)
        return 0.0 if len(written) == LIMIT else self.interval_s
