"""Numbers that only the whole can give: messages in each queue, age of the oldest ready step, open dead letters."""

from typing import Any, ClassVar

import psycopg

from services.worker.loops.base import Loop, Tools
from shared import metrics
from shared.broker import queue_depths, queue_names
from shared.db import letters
from shared.log import get_logger
from shared.pools import POOLS

# Ready steps are those with a `due_at`, so this reads no finished one.
OLDEST_READY = """
SELECT pool, extract(epoch FROM now() - min(ready_at))::float8 FROM steps
WHERE due_at IS NOT NULL AND state = 'ready' AND execution_id BETWEEN %(lo)s AND %(hi)s
GROUP BY pool
"""

MOST_LETTERS = 10_000

_log = get_logger(__name__)


class Gauges(Loop):
    """Every five seconds; a queue keeps its last depth while the broker is away."""

    interval_s: ClassVar[float] = 5.0

    def __init__(self, tools: Tools) -> None:
        super().__init__(tools)
        self._broker_away = False

    def run(self, connection: psycopg.Connection[Any]) -> float:
        """One measurement."""
        ages = dict.fromkeys(POOLS, 0.0)
        ages.update(connection.execute(OLDEST_READY, self.horizon.get(connection)._asdict()).fetchall())
        for pool, age_s in ages.items():
            metrics.OLDEST_READY.labels(pool).set(age_s)
        metrics.OPEN_DEAD_LETTERS.set(letters.count_open(connection, MOST_LETTERS))
        self._measure_queues()
        return self.interval_s

    def _measure_queues(self) -> None:
        names = [name for pool in POOLS for name in queue_names(pool)]
        depths = queue_depths(self.tools.settings.broker_url, names)
        if (depths is None) != self._broker_away:
            self._broker_away = depths is None
            _log.warning("the broker does not answer" if self._broker_away else "the broker answers again")
        for name, depth in (depths or {}).items():
            metrics.QUEUE_DEPTH.labels(name).set(depth)
