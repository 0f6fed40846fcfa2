"""What a request sends after its commit: steps to the broker, hints to the pages. Neither blocks, neither fails it."""

import atexit
from collections.abc import Sequence
from threading import Lock
from uuid import UUID

from flask import Flask, current_app

from shared.broker import StepRef
from shared.live import HintWriter
from shared.publisher import Publisher, make_publisher

_EXTENSION = "flowversal-outbox"


class Outbox:
    """The process's publisher and hint writer; they connect at the first use, so that a process that forks has its own."""

    def __init__(self, broker_url: str, redis_url: str) -> None:
        self._broker_url = broker_url
        self._redis_url = redis_url
        self._lock = Lock()
        self._started: tuple[Publisher, HintWriter] | None = None

    def publish(self, refs: Sequence[StepRef]) -> None:
        """Hand over steps that are ready in Postgres. What gets lost on the way is found by the sweeper."""
        self._parts()[0].publish(refs)

    def hint(self, execution_id: UUID) -> None:
        """Make pages look at this execution again."""
        self._parts()[1].touch(execution_id)

    def close(self) -> None:
        """Send what is left, if that is possible at once, and stop the threads; the next use starts new ones."""
        with self._lock:
            parts, self._started = self._started, None
        for part in parts or ():
            atexit.unregister(part.close)
            part.close()

    def _parts(self) -> tuple[Publisher, HintWriter]:
        with self._lock:
            if self._started is None:
                self._started = make_publisher(self._broker_url), HintWriter(self._redis_url)
                for part in self._started:
                    atexit.register(part.close)
            return self._started


def install_outbox(app: Flask, broker_url: str, redis_url: str) -> None:
    """Give the application its outbox. Connects to nothing yet."""
    app.extensions[_EXTENSION] = Outbox(broker_url, redis_url)


def outbox() -> Outbox:
    """The current application's."""
    return outbox_of(current_app)


def outbox_of(app: Flask) -> Outbox:
    """The application's."""
    found = app.extensions[_EXTENSION]
    assert isinstance(found, Outbox)  # noqa: S101 - install_outbox put it there
    return found
