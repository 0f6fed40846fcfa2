"""How a process of ours waits for SIGTERM or SIGINT."""

import signal
import threading

LOOK_S = 0.5


class Stop:
    """From its construction on, in the main thread, the two signals are remembered instead of ending the process."""

    def __init__(self) -> None:
        self._asked = threading.Event()
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: self._asked.set())

    def wait(self) -> None:
        """Return within half a second of a signal.

        Not in one wait: a signal that comes just before the thread blocks interrupts nothing, and Python's handler
        runs when the thread wakes the next time.
        """
        while not self._asked.wait(LOOK_S):
            pass
