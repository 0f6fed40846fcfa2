"""Limits of concurrency and rate: admits the runs that wait for their turn."""

from typing import Any, ClassVar

import psycopg

from services.worker.loops.base import Loop
from shared.engine.admission import admit, release, waiting_workflows
from shared.engine.complete import Applied


class Admissions(Loop):
    """Gives back the slots of runs that are over, then admits whoever may begin, the eldest first."""

    interval_s: ClassVar[float] = 0.05

    def run(self, connection: psycopg.Connection[Any]) -> float:
        """One pass."""
        release(connection)
        for workflow_id in waiting_workflows(connection):
            ready = admit(connection, workflow_id, republish_s=self.tools.settings.republish_after_s)
            self.tools.announce(Applied(ready, {ref.execution_id for ref in ready}, len(ready)), "admitted")
        return self.interval_s
