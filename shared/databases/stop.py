"""How a blocking query is stopped from another thread."""

import asyncio
import contextlib
import threading
from collections.abc import Callable
from typing import TypeVar

from shared.net.sockets import InThread

T = TypeVar("T")


class Stop:
    """Set once; what was registered by then, or is later, is called at once."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._action: Callable[[], None] | None = None
        self._event = threading.Event()

    @property
    def is_set(self) -> bool:
        """Whether nobody wants the answer any more."""
        return self._event.is_set()

    def wait(self, seconds: float) -> bool:
        """Sleep for a while, or until it is set; whether it is."""
        return self._event.wait(seconds)

    def use(self, action: Callable[[], None]) -> None:
        """What to call when it is set, instead of what was to be called before. It must not block."""
        with self._lock:
            self._action = action
            if self._event.is_set():
                self._call()

    def forget(self) -> None:
        """Call nothing any more: afterwards what the action acts on may be closed."""
        with self._lock:
            self._action = None

    def set(self) -> None:
        """Stop."""
        with self._lock:
            self._event.set()
            self._call()

    def _call(self) -> None:
        if self._action is not None:
            with contextlib.suppress(Exception):
                self._action()


async def stoppable(work: Callable[[Stop], T], run: InThread, *, timeout_s: float) -> T:
    """What blocking `work` returns; a cancel, or the time limit, stops it. Raises TimeoutError."""
    stop = Stop()
    async with asyncio.timeout(timeout_s):
        return await run(lambda: work(stop), stop.set)
