"""Schedules: fires within 200 ms of the time, and puts down what was missed, skipped or cannot be started."""

from typing import Any, ClassVar

import psycopg

from services.worker.loops.base import Loop, Tools
from shared import metrics
from shared.db import schedules
from shared.engine.complete import Applied
from shared.engine.fire import Fired, Fires, fire_due
from shared.log import get_logger

_SHORTEST_WAIT_S = 0.002
_BUSY_S = 0.05

_log = get_logger(__name__)


class Schedules(Loop):
    """Fires what is due and sleeps until the next one is, at most `interval_s`."""

    interval_s: ClassVar[float] = 0.2
    rest: ClassVar[float] = 0.5

    def run(self, connection: psycopg.Connection[Any]) -> float:
        """One batch; at once again if it was full."""
        republish_s = self.tools.settings.republish_after_s
        done = fire_due(connection, republish_s=republish_s, horizon=self.horizon.get(connection))
        announce_fires(self.tools, done, "schedule")
        for fired in done.fired:
            if fired.outcome == "started":
                metrics.SCHEDULE_LATENESS.observe(fired.late_s)
        if done.claimed == schedules.LIMIT:
            return 0.0
        next_s = schedules.next_due_s(connection)
        if next_s is None:
            return self.interval_s
        # What is due and was not claimed is in another process's hands.
        shortest_s = _SHORTEST_WAIT_S if next_s > 0 or done.claimed else _BUSY_S
        return min(self.interval_s, max(shortest_s, next_s))


def announce_fires(tools: Tools, done: Fires, trigger: str) -> None:
    """After the commit: publish the steps of the runs that began, count and log what became of each firing."""
    if done.started:
        metrics.EXECUTIONS_STARTED.labels(trigger).inc(len(done.started))
        tools.announce(Applied(done.ready, done.started, len(done.started)), "fired")
    for fired in done.fired:
        metrics.SCHEDULE_FIRES.labels(fired.outcome).inc(fired.count)
        if not fired.in_time:
            _warn(fired)


def _warn(fired: Fired) -> None:
    said = "a scheduled run began late" if fired.outcome == "started" else "a run that was due did not start"
    _log.warning(
        said,
        outcome=fired.outcome,
        trigger=fired.key,
        trigger_id=str(fired.trigger_id),
        workflow_id=str(fired.workflow_id),
        due_at=fired.fire_at.isoformat(),
        late_s=round(fired.late_s, 3),
        reason=fired.reason,
        count=fired.count,
    )
