"""The process's one publisher. Requests hand it ids after their commit; it never blocks and never fails them."""

import atexit
from collections.abc import Sequence
from threading import Lock, Timer
from time import monotonic

from flask import Flask, current_app

from shared.broker import StepRef
from shared.publisher import Publisher, make_publisher

_EXTENSION = "flowversal-publisher"
_WARM_UP_S = 3.0
_AGAIN_S = 0.2


class LazyPublisher:
    """Connects at the first publish, so that a process that forks has its own connection."""

    def __init__(self, broker_url: str) -> None:
        self._broker_url = broker_url
        self._lock = Lock()
        self._publisher: Publisher | None = None
        self._started_at = 0.0

    def publish(self, refs: Sequence[StepRef]) -> None:
        """Hand over steps that are ready in Postgres. What gets lost on the way is found by the sweeper."""
        if not refs:
            return
        result = self.started().publish(refs)
        # The first steps of a young process come before its connection: a moment later it takes them.
        if result.done() and not result.result() and monotonic() - self._started_at < _WARM_UP_S:
            again = Timer(_AGAIN_S, self.publish, [refs])
            again.daemon = True
            again.start()

    def started(self) -> Publisher:
        """The publisher, connecting or connected."""
        with self._lock:
            if self._publisher is None:
                self._publisher = make_publisher(self._broker_url)
                self._started_at = monotonic()
                atexit.register(self._publisher.close)
            return self._publisher


def install_publisher(app: Flask, broker_url: str) -> None:
    """Give the application its publisher. Connects to nothing yet."""
    app.extensions[_EXTENSION] = LazyPublisher(broker_url)


def publish(refs: Sequence[StepRef]) -> None:
    """Publish through the current application's publisher."""
    publisher = current_app.extensions[_EXTENSION]
    assert isinstance(publisher, LazyPublisher)  # noqa: S101 - install_publisher put it there
    publisher.publish(refs)
