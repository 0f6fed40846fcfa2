"""The life of a server's process, the same for all of them."""

import signal
from abc import ABC, abstractmethod
from pathlib import Path

from services.standalone.child import Child, wait_until
from services.standalone.identity import Identity
from services.standalone.servers.base import ServerError, log_tail

STOP_S = 20.0


class ServerProcess(ABC):
    """Start, watch and stop one process; the server's own class says how."""

    name: str
    stop_signal = signal.SIGTERM

    def __init__(self, folder: Path, log: Path, user: Identity) -> None:
        self.folder = folder
        self.log = log
        self.user = user
        self._child: Child | None = None

    @property
    @abstractmethod
    def url(self) -> str:
        """Where clients connect."""

    @abstractmethod
    def is_ready(self) -> bool:
        """Whether clients can connect now."""

    @abstractmethod
    def _spawn(self) -> Child:
        """Prepare the folder and start the process."""

    @property
    def pid(self) -> int | None:
        """The process id while it runs."""
        return None if self._child is None else self._child.pid

    def start(self) -> None:
        """Start the process without waiting until it answers."""
        self._child = self._spawn()

    def exit_code(self) -> int | None:
        """None while the process runs or was never started."""
        return None if self._child is None else self._child.exit_code()

    def wait_ready(self, timeout_s: float) -> None:
        """Return when clients can connect. Raises ServerError when it ends before, or is not ready in time."""
        wait_until(lambda: self.exit_code() is not None or self.is_ready(), timeout_s)
        if self.exit_code() is None and self.is_ready():
            return
        code = self.exit_code()
        what = f"is not ready after {timeout_s:.0f} s" if code is None else f"ended with code {code}"
        message = f"{self.name} {what}; its log is {self.log}:\n{log_tail(self.log)}"
        raise ServerError(message)

    def stop(self) -> None:
        """End it in order; returns when it has ended."""
        if self._child is not None:
            self._child.stop(self.stop_signal, STOP_S)
            self._child = None

    def kill(self) -> None:
        """End it as a crash would: SIGKILL to all of it."""
        if self._child is not None:
            self._child.kill_group()
            self._child = None
