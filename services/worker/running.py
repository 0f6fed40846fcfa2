"""What this process is running right now: the heartbeat renews it, a cancel stops it."""

import threading
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from shared.domain.outcome import Key

_REMEMBERED_STOPS = 10_000


@dataclass(slots=True)
class Running:
    """One attempt. `stop` ends it at once; `acknowledge` gives its message back to the broker as done (None: cannot)."""

    key: Key
    fence: int
    stop: Callable[[], object] | None = None
    acknowledge: Callable[[], object] | None = None
    stopped: bool = False
    refused: BaseException | None = None
    """Why its outcome could not be stored."""
    started: float = field(default_factory=time.monotonic)
    held: int = 0
    """Bytes of the room for large values that it has taken."""


class Registry:
    """All attempts of the process. A stop that arrives before its attempt is registered is remembered."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._running: dict[Key, Running] = {}
        self._stopped: OrderedDict[UUID, None] = OrderedDict()

    def add(self, running: Running) -> None:
        """Register an attempt; marks it stopped if its execution was stopped while it was being claimed."""
        with self._lock:
            former = self._running.get(running.key)
            self._running[running.key] = running
            running.stopped = running.key[0] in self._stopped
        if former is not None:
            # Its lease was lost and the same process claimed the step anew: what still runs of it must end.
            self.stop(former)

    def remove(self, running: Running) -> None:
        """The attempt is over."""
        with self._lock:
            if self._running.get(running.key) is running:
                del self._running[running.key]

    def arm(self, running: Running, stop: Callable[[], object]) -> None:
        """Say how to end this attempt; ends it now if it was stopped already."""
        with self._lock:
            running.stop = stop
            stopped = running.stopped
        if stopped:
            stop()

    def stop_execution(self, execution_id: UUID) -> None:
        """End every attempt of an execution, and those that are being claimed at this moment."""
        with self._lock:
            self._stopped[execution_id] = None
            while len(self._stopped) > _REMEMBERED_STOPS:
                self._stopped.popitem(last=False)
            found = [running for key, running in self._running.items() if key[0] == execution_id]
        for running in found:
            self.stop(running)

    def stop_step(self, key: Key) -> None:
        """End the attempt of a step, if this process runs it. One that is just being claimed is ended by the heartbeat."""
        with self._lock:
            running = self._running.get(key)
        if running is not None:
            self.stop(running)

    def stop(self, running: Running) -> None:
        """End one attempt."""
        with self._lock:
            running.stopped = True
            stop = running.stop
        if stop is not None:
            stop()

    def all(self) -> list[Running]:
        """A copy of what runs now."""
        with self._lock:
            return list(self._running.values())


def hold(message: Any) -> Callable[[], object] | None:
    """Keep Dramatiq from acknowledging a message when its actor returns; what acknowledges it instead, once.

    None where the broker cannot: Redis's acknowledgement is Dramatiq's alone.
    """
    consumer = getattr(message, "consumer", None)
    if consumer is None:
        return None
    message.held = True
    return lambda: consumer.settle(message)
