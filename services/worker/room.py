"""Room for large values in the memory of a process: those who need much of it take turns."""

import threading
import time
from collections import deque

from services.worker.running import Running
from shared.domain.errors import NodeError

_LOOK_S = 0.2


class Room:
    """So many bytes for all attempts together. First come, first served, so that a large one is not passed over for ever."""

    def __init__(self, size: int) -> None:
        self.size = size
        self._used = 0
        self._queue: deque[Running] = deque()
        self._changed = threading.Condition()

    def take(self, running: Running, needed: int, *, within_s: float) -> None:
        """Wait for room and take it. An attempt that has some already gets more at once: nobody waits for himself.

        Raises NodeError MEMORY_BUSY after `within_s`, or when the attempt was stopped: whoever runs it looks at that.
        """
        until = time.monotonic() + within_s
        with self._changed:
            if not running.held:
                self._wait(running, needed, until)
            self._used += needed
            running.held += needed

    def leave(self, running: Running) -> None:
        """Give back all that an attempt took."""
        if not running.held:
            return
        with self._changed:
            self._used -= running.held
            running.held = 0
            self._changed.notify_all()

    def _wait(self, running: Running, needed: int, until: float) -> None:
        self._queue.append(running)
        try:
            while self._queue[0] is not running or (self._used and self._used + needed > self.size):
                if running.stopped or time.monotonic() > until:
                    text = "Other steps with large values needed this worker's memory for too long. Try again later, or let fewer of them run at a time."
                    raise NodeError("MEMORY_BUSY", text, retryable=True)
                self._changed.wait(_LOOK_S)
        finally:
            # By identity: two attempts of one step would be equal.
            self._queue = deque(each for each in self._queue if each is not running)
            self._changed.notify_all()
