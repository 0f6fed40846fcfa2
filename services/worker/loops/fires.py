"""Firings that wait: starts what follows runs that ended within a second, and a few at a time of ranges that are done again."""

from typing import Any, ClassVar

import psycopg

from services.worker.loops.base import Loop
from services.worker.loops.schedules import announce_fires
from shared.db import follows
from shared.db.stats import fold
from shared.engine.fire_waiting import AGAIN, FOLLOWING, LIMIT, fire_waiting

AGAIN_LIMIT = 5


class WaitingFires(Loop):
    """Ends become known by the roll-up, which is done at once where a followed workflow has some."""

    interval_s: ClassVar[float] = 0.5

    def run(self, connection: psycopg.Connection[Any]) -> float:
        """One batch of each kind."""
        if follows.ended(connection):
            fold(connection)
        horizon, republish_s = self.horizon.get(connection), self.tools.settings.republish_after_s
        following = fire_waiting(connection, FOLLOWING, republish_s=republish_s, horizon=horizon)
        announce_fires(self.tools, following, "workflow")
        again = fire_waiting(connection, AGAIN, limit=AGAIN_LIMIT, republish_s=republish_s, horizon=horizon)
        announce_fires(self.tools, again, "schedule")
        return 0.0 if following.claimed == LIMIT else self.interval_s
