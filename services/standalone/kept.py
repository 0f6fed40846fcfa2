"""One process that is kept running: started again with a growing pause when it ends by itself."""

import signal
import time
from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from services.standalone import identity
from services.standalone.child import Child
from services.standalone.roll import Roll
from services.standalone.servers.process import ServerProcess

PAUSES_S = (0.0, 0.5, 1.0, 2.0, 5.0)
STEADY_S = 10.0


class Kept(ABC):
    """Counts quick deaths; the subclass starts and stops the process."""

    def __init__(self, name: str, roll: Roll) -> None:
        self.name = name
        self._roll = roll
        self._deaths = 0
        self._started_at = 0.0
        self._due_at: float | None = None

    @abstractmethod
    def exit_code(self) -> int | None:
        """None while it runs."""

    @abstractmethod
    def _start(self) -> None:
        """Start it and put it on the roll."""

    @abstractmethod
    def _stop(self) -> None:
        """End it; returns when it has ended."""

    def start(self) -> None:
        """Start it now."""
        self._started_at = time.monotonic()
        self._due_at = None
        self._start()

    def stop(self) -> None:
        """End it for good and take it off the roll."""
        self._due_at = None
        self._stop()
        self._roll.ended(self.name)

    def look(self) -> str | None:
        """To be called often: starts it again when its pause is over; tells about a death at the first look after it."""
        now = time.monotonic()
        if self._due_at is not None:
            if now >= self._due_at:
                self.start()
            return None
        code = self.exit_code()
        if code is None:
            return None
        self._deaths = 0 if now - self._started_at > STEADY_S else self._deaths + 1
        pause = PAUSES_S[min(self._deaths, len(PAUSES_S) - 1)]
        self._due_at = now + pause
        self._roll.ended(self.name)
        how = signal.Signals(-code).name if code < 0 else f"code {code}"
        return f"{self.name} ended with {how}; it starts again" + (f" in {pause:g} s" if pause else "")


class KeptServer(Kept):
    """An embedded server."""

    def __init__(self, server: ServerProcess, roll: Roll) -> None:
        super().__init__(server.name, roll)
        self.server = server

    def exit_code(self) -> int | None:
        """See Kept."""
        return self.server.exit_code()

    def _start(self) -> None:
        self.server.kill()
        self.server.start()
        if self.server.pid is not None:
            self._roll.started(self.name, self.server.pid, self.server.stop_signal)

    def _stop(self) -> None:
        self.server.stop()


@dataclass(frozen=True)
class Program:
    """How to start one of our own processes. `worker_id` makes an id for a worker, a new one at every start."""

    name: str
    argv: list[str]
    env: dict[str, str]
    log: Path
    cwd: Path
    stop_s: float
    pass_fds: tuple[int, ...] = ()
    worker_id: Callable[[], str] = field(default=lambda: "")


class KeptProgram(Kept):
    """One of our own processes, running as the supervisor's user."""

    def __init__(self, program: Program, roll: Roll) -> None:
        super().__init__(program.name, roll)
        self._program = program
        self._child: Child | None = None

    def exit_code(self) -> int | None:
        """See Kept."""
        return None if self._child is None else self._child.exit_code()

    @property
    def log(self) -> Path:
        """Where it writes."""
        return self._program.log

    def ask_to_stop(self) -> None:
        """SIGTERM without waiting, so that several can end at the same time."""
        if self._child is not None:
            self._child.send(signal.SIGTERM)

    def send_kill(self) -> None:
        """SIGKILL without waiting."""
        if self._child is not None:
            self._child.send(signal.SIGKILL)

    def _start(self) -> None:
        program = self._program
        worker_id = program.worker_id()
        env = program.env | ({"FLOWVERSAL_WORKER_ID": worker_id} if worker_id else {})
        if self._child is not None:
            self._child.kill_group()
        self._child = Child(
            program.argv, log=program.log, env=env, cwd=program.cwd, user=identity.current(), pass_fds=program.pass_fds
        )
        # A worker that the last supervisor left behind may die at once: whatever it runs is taken over.
        self._roll.started(self.name, self._child.pid, signal.SIGKILL, worker_id)

    def _stop(self) -> None:
        if self._child is not None:
            self._child.stop(signal.SIGTERM, self._program.stop_s)
