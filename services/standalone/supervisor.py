"""Starts everything in order, keeps it running, and stops it in the other order."""

import contextlib
import os
import re
import selectors
import signal
import time
from collections.abc import Sequence
from types import FrameType
from typing import TYPE_CHECKING

from services.standalone.console import say
from services.standalone.kept import KeptProgram, KeptServer
from services.standalone.logs import Watched, rotate

if TYPE_CHECKING:
    from services.standalone.lost import LostWorkers

TICK_S = 0.2
ROTATE_EVERY_S = 30.0
STOP_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class StopAsked:
    """Remembers the first stop signal; at the second one nothing waits any more."""

    def __init__(self) -> None:
        self.count = 0
        self._reader, self._writer = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
        self._selector = selectors.DefaultSelector()
        self._selector.register(self._reader, selectors.EVENT_READ)
        signal.set_wakeup_fd(self._writer, warn_on_full_buffer=False)
        for number in STOP_SIGNALS:
            signal.signal(number, self._note)
        signal.signal(signal.SIGCHLD, lambda *_: None)

    def wait(self, timeout_s: float) -> None:
        """Sleep until a signal comes (also the end of a child) or the time is over."""
        if self._selector.select(timeout_s):
            with contextlib.suppress(BlockingIOError):
                os.read(self._reader, 512)

    def _note(self, _number: int, _frame: FrameType | None) -> None:
        self.count += 1


class Supervisor:
    """Servers first, then our own processes. Warnings that match `muted` are left to the log files."""

    def __init__(self, stop: StopAsked) -> None:
        self._stop = stop
        self._servers: list[KeptServer] = []
        self._programs: list[KeptProgram] = []
        self._watched: list[Watched] = []
        self._lost: LostWorkers | None = None
        self._rotated_at = time.monotonic()

        self.muted: re.Pattern[str] | None = None

    def start_servers(self, servers: Sequence[KeptServer]) -> None:
        """Start them without waiting. They warn about much that is normal here, so their logs stay in their files."""
        for kept in servers:
            self._watched.append(Watched(kept.name, kept.server.log, quiet=True))
            self._servers.append(kept)
            kept.start()

    def start_programs(self, programs: Sequence[KeptProgram]) -> None:
        """Start our own processes; their warnings are shown on the console."""
        for kept in programs:
            self._watched.append(Watched(kept.name, kept.log))
            self._programs.append(kept)
            kept.start()

    def take_care_of(self, lost: "LostWorkers") -> None:
        """From now on, take back at once what a dead worker ran, also those of the start before."""
        self._lost = lost

    def tick(self) -> None:
        """One round: wait a moment, restart what died, show what is new."""
        self._stop.wait(TICK_S)
        for kept in [*self._servers, *self._programs]:
            told = kept.look() if not self._stop.count else None
            if told:
                say(told)
        if self._lost is not None and not self._stop.count:
            self._lost.look()
        self._show()

    def stop_all(self) -> None:
        """Workers and clockwork, then the web server, then the servers: queues, hints, and the truth last."""
        for number in STOP_SIGNALS:
            signal.signal(number, self._hurry)
        web = [program for program in self._programs if program.name == "web"]
        others = [program for program in self._programs if program.name != "web"]
        for group in (others, web):
            for program in group:
                program.ask_to_stop()
            for program in group:
                program.stop()
        if self._lost is not None:
            self._lost.look()
            self._lost.close()
        for kept in reversed(self._servers):
            kept.stop()
        self._show()

    def _hurry(self, _number: int, _frame: FrameType | None) -> None:
        """A second Ctrl-C: no more waiting for steps and requests. Leases and the next start repair the rest."""
        for program in self._programs:
            program.send_kill()

    def _show(self) -> None:
        for watched in self._watched:
            for line in watched.news():
                if self.muted is None or not self.muted.search(line):
                    say(line)
        if time.monotonic() - self._rotated_at > ROTATE_EVERY_S:
            self._rotated_at = time.monotonic()
            for watched in self._watched:
                rotate(watched.file)
