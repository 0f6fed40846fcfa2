"""Rejected messages: moves what no worker could read from the broker's dead-letter queues to Postgres."""

from functools import partial
from typing import Any, ClassVar

import psycopg

from services.worker.loops.base import Loop
from shared import metrics
from shared.broker import queue_names
from shared.db import dead_messages
from shared.log import get_logger
from shared.pools import POOLS
from shared.rejected import take_rejected

_QUEUES = [name for pool in POOLS for name in queue_names(pool)]
_log = get_logger(__name__)


class RejectedMessages(Loop):
    """The broker keeps them for a week, so there is no hurry."""

    interval_s: ClassVar[float] = 5.0

    def run(self, connection: psycopg.Connection[Any]) -> float:
        """One look."""
        url = self.tools.settings.broker_url
        taken = take_rejected(url, _QUEUES, partial(dead_messages.store, connection)) or 0
        if taken:
            metrics.DEAD_LETTERS.labels("message").inc(taken)
            _log.warning("messages that no worker could read were stored", messages=taken)
        return 0.0 if taken else self.interval_s
