"""The product's own processes of a run: two workers, two clockworks, the API under gunicorn, as in production."""

import os
import signal
import sys
from pathlib import Path

from services.standalone import identity
from services.standalone.child import Child
from services.standalone.ports import LOOPBACK, free_port

ROOT = Path(__file__).parents[2]
WORKERS = 2
CLOCKWORKS = 2


class Process:
    """One process group, which is started anew when it was killed, as a supervisor would."""

    def __init__(self, name: str, argv: list[str], log: Path, environment: dict[str, str]) -> None:
        self.name = name
        self._argv = [sys.executable, "-m", *argv]
        self._log = log
        self._environment = environment
        self._child = self._spawn()

    @property
    def pid(self) -> int:
        """The id of the process, and of its group."""
        return self._child.pid

    def kill(self) -> None:
        """SIGKILL to all of it, and a new one."""
        self._child.kill_group()
        self._child = self._spawn()

    def pause(self) -> None:
        """SIGSTOP to all of it."""
        os.killpg(self.pid, signal.SIGSTOP)

    def resume(self) -> None:
        """SIGCONT to all of it."""
        os.killpg(self.pid, signal.SIGCONT)

    def runs(self) -> bool:
        """Whether it has not ended by itself."""
        return self._child.exit_code() is None

    def close(self) -> None:
        """SIGKILL, this time for good."""
        self._child.kill_group()

    def _spawn(self) -> Child:
        return Child(
            self._argv,
            log=self._log,
            env=self._environment,
            cwd=ROOT,
            user=identity.current(),
            death_signal=signal.SIGKILL,
        )


class Processes:
    """All of them. `logs` is a folder; the output of each is appended to a file of its name."""

    def __init__(self, environment: dict[str, str], logs: Path) -> None:
        self._environment = environment
        self._logs = logs
        self.api_port = free_port()
        web = ["gunicorn", "--config", "python:services.standalone.gunicorn_config", "--name", "api"]
        bind = ["--bind", f"{LOOPBACK}:{self.api_port}", "services.api.wsgi:create_app()"]
        self.api = self._start("api", [*web, *bind])
        self.workers = [self._start(f"worker-{number}", ["services.worker"]) for number in range(WORKERS)]
        self.clockworks = [
            self._start(f"clockwork-{number}", ["services.worker.clockwork"]) for number in range(CLOCKWORKS)
        ]

    @property
    def all(self) -> list[Process]:
        """Every process."""
        return [self.api, *self.workers, *self.clockworks]

    def close(self) -> None:
        """End everything."""
        for process in self.all:
            process.close()

    def _start(self, name: str, argv: list[str]) -> Process:
        return Process(name, argv, self._logs / f"{name}.log", self._environment)
