"""Lost messages: publishes ready steps again that no worker has heard of."""

from datetime import datetime
from typing import Any, ClassVar

import psycopg

from services.worker.loops.base import Loop, Tools
from shared import metrics
from shared.broker import PRIORITIES, queue_depths, queue_name
from shared.db.horizon import Horizon
from shared.engine.sweep import LIMIT, QueueState, progress, something_due, sweep
from shared.pools import POOLS

_QUEUES = {queue_name(pool, priority): (pool, priority) for pool in POOLS for priority in range(len(PRIORITIES))}
_MOST_ROUNDS = 20


class Sweeper(Loop):
    """Asks the broker only when a step is due, or when it is back after an outage: then everything that is ready and in no
    queue is published at once, the oldest first. While it is away nothing is published and no wait grows.
    """

    interval_s: ClassVar[float] = 1.0

    def __init__(self, tools: Tools) -> None:
        super().__init__(tools)
        self._reached: dict[tuple[str, int], datetime] = {}
        self._outages = 0

    def run(self, connection: psycopg.Connection[Any]) -> float:
        """One sweep."""
        horizon = self.horizon.get(connection)
        publisher = self.tools.publisher
        outage = publisher.outages != self._outages
        if publisher.connected and (outage or something_due(connection, horizon=horizon)):
            self._sweep(connection, horizon, outage=outage)
        return min(self.interval_s, self.tools.settings.sweep_s)

    def _sweep(self, connection: psycopg.Connection[Any], horizon: Horizon, *, outage: bool) -> None:
        outages = self.tools.publisher.outages
        depths = queue_depths(self.tools.settings.broker_url, list(_QUEUES))
        if depths is None:
            return
        self._outages = outages
        for queue, reached in progress(connection, horizon=horizon).items():
            self._reached[queue] = max(reached, self._reached.get(queue, reached))
        queues = [
            QueueState(*queue, empty=depths[name] == 0, reached=self._reached.get(queue))
            for name, queue in _QUEUES.items()
        ]
        for _ in range(_MOST_ROUNDS):
            after_s = self.tools.settings.republish_after_s
            refs = sweep(connection, queues, after_s=after_s, outage=outage, horizon=horizon)
            self.tools.publisher.publish(refs)
            metrics.SWEEPER_ACTIONS.labels("republished").inc(len(refs))
            if len(refs) < LIMIT:
                break
