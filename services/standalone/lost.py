"""Takes back, at once, the steps of workers that are known to be dead; others would wait for the lease."""

import psycopg

from services.standalone.roll import Roll
from shared.broker import StepRef
from shared.db.pool import connect
from shared.engine.expire import expire_worker
from shared.log import get_logger
from shared.publisher import Publisher, make_publisher

PUBLISH_TRIES = 50
_log = get_logger(__name__)


class LostWorkers:
    """Works through the roll's lost workers whenever Postgres answers; the sweeper is behind it for the rest."""

    def __init__(self, database_url: str, broker_url: str, roll: Roll) -> None:
        self._database_url = database_url
        self._broker_url = broker_url
        self._roll = roll
        self._publisher: Publisher | None = None
        self._ready: list[StepRef] = []
        self._tries = 0

    def look(self) -> None:
        """To be called often; does nothing while nobody is lost."""
        for worker_id in list(self._roll.lost_workers):
            if not self._expire(worker_id):
                return
        self._publish()

    def close(self) -> None:
        """Drop the connection to the broker, if there is one."""
        if self._publisher is not None:
            self._publisher.close()

    def _expire(self, worker_id: str) -> bool:
        try:
            with connect(self._database_url, application_name="flowversal standalone", autocommit=True) as connection:
                self._ready += expire_worker(connection, worker_id)
        except psycopg.Error as error:
            _log.warning("the steps of a dead worker are left to their leases for now", error=str(error).strip())
            return False
        self._tries = 0
        self._roll.expired(worker_id)
        return True

    def _publish(self) -> None:
        if not self._ready:
            return
        if self._publisher is None:
            self._publisher = make_publisher(self._broker_url)
        self._tries += 1
        sent = self._publisher.publish(self._ready)
        # Until it knows, the answer comes in the background.
        if self._tries > PUBLISH_TRIES or not sent.done() or sent.result():
            self._ready = []
