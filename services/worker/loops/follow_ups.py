"""Failure workflows: starts the one that a failed run names, within half a second."""

from typing import Any, ClassVar

import psycopg

from services.worker.loops.base import Loop
from shared import metrics
from shared.engine.complete import Applied
from shared.engine.follow_up import follow_up
from shared.log import get_logger

_log = get_logger(__name__)


class FollowUps(Loop):
    """One at a time, each in a transaction of its own."""

    interval_s: ClassVar[float] = 0.5

    def run(self, connection: psycopg.Connection[Any]) -> float:
        """One look."""
        republish_s = self.tools.settings.republish_after_s
        done = follow_up(connection, republish_s=republish_s, horizon=self.horizon.get(connection))
        if done is None:
            return self.interval_s
        if done.started is None:
            _log.warning("a failure workflow was not started; its run's log says why", execution_id=str(done.failed))
            self.tools.announce(Applied([], {done.failed}, 0), "followed")
        else:
            metrics.EXECUTIONS_STARTED.labels("workflow").inc()
            self.tools.announce(Applied(done.started.ready, {done.failed, done.started.id}, 1), "followed")
        return 0.0
