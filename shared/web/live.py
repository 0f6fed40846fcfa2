"""One hub per process: hints from Redis wake the streams and waits that watch an execution.

A hint only says "look again". While Redis is down every watch looks once a second, so nothing depends on it.
"""

from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Event, Lock
from time import monotonic
from uuid import UUID

from flask import Flask

from shared.live import HintReader, TextReader

_EXTENSION = "flowversal-live"
POLL_S = 1.0


class Watch:
    """One waiter. Made by `LiveHub.watch`."""

    def __init__(self, hub: "LiveHub") -> None:
        self._hub = hub
        self._event = Event()
        self._changed = True

    def wake(self, *, text: bool = False) -> None:
        """End the current wait, or the next one at once; `text`: only a text of a step has grown."""
        if not text:
            self._changed = True
        self._event.set()

    def changed(self) -> bool:
        """Whether more than texts may have changed since the last call."""
        changed, self._changed = self._changed, False
        return changed or not self._hub.connected

    def wait(self, timeout_s: float) -> bool:
        """True: look at Postgres again (a hint came, or Redis is down and a second is over). False: nothing in time."""
        ends = monotonic() + timeout_s
        while True:
            blind = not self._hub.connected
            if self._event.wait(max(0.0, min(POLL_S, ends - monotonic()))):
                self._event.clear()
                return True
            if blind or not self._hub.connected:
                return True
            if monotonic() >= ends:
                return False


class LiveHub:
    """Spreads the hints of one Redis subscription over all watches of this process."""

    def __init__(self, redis_url: str) -> None:
        self.texts = TextReader(redis_url)
        self._redis_url = redis_url
        self._reader: HintReader | None = None
        self._lock = Lock()
        self._watches: defaultdict[UUID | None, set[Watch]] = defaultdict(set)

    @property
    def connected(self) -> bool:
        """Whether hints arrive at the moment."""
        return self._reader is not None and self._reader.connected

    @contextmanager
    def watch(self, execution_id: UUID | None) -> Iterator[Watch]:
        """Watch one execution, or with None any. Read Postgres after entering, so that nothing falls between."""
        self._start()
        watch = Watch(self)
        with self._lock:
            self._watches[execution_id].add(watch)
        try:
            yield watch
        finally:
            with self._lock:
                self._watches[execution_id].discard(watch)
                if not self._watches[execution_id]:
                    del self._watches[execution_id]

    def close(self) -> None:
        """Stop listening; what still watches looks once a second from now on."""
        with self._lock:
            if self._reader is not None:
                self._reader.close()
                self._reader.connected = False

    def _start(self) -> None:
        # At the first watch, not before: the process may still fork.
        with self._lock:
            if self._reader is None:
                self._reader = HintReader(self._redis_url, self._hinted, self._grown)

    def _hinted(self, execution_ids: set[UUID]) -> None:
        """Wake who watches these; with an empty set (hints may have been lost) everybody."""
        with self._lock:
            keys = (*execution_ids, None) if execution_ids else tuple(self._watches)
            woken = [watch for key in keys for watch in self._watches.get(key, ())]
        for watch in woken:
            watch.wake()

    def _grown(self, execution_id: UUID) -> None:
        """Wake who watches this execution; who watches all of them sees no texts."""
        with self._lock:
            woken = list(self._watches.get(execution_id, ()))
        for watch in woken:
            watch.wake(text=True)


def install_live(app: Flask, redis_url: str) -> LiveHub:
    """Give the application its hub. Connects at the first watch."""
    hub = LiveHub(redis_url)
    app.extensions[_EXTENSION] = hub
    return hub


def hub_of(app: Flask) -> LiveHub:
    """The application's hub."""
    hub = app.extensions[_EXTENSION]
    assert isinstance(hub, LiveHub)  # noqa: S101 - install_live put it there
    return hub
