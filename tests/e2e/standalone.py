"""`python -m services.standalone` as a process of its own, for tests that start, stop and kill it."""

import contextlib
import json
import os
import re
import signal
import subprocess
import sys
import urllib.request
from pathlib import Path
from typing import Any

import psutil

from services.standalone.child import wait_until

ROOT = Path(__file__).parents[2]
READY = re.compile(r"Flowversal is ready after ([0-9.]+) s")
READY_S = 120.0
STOP_S = 60.0


class Standalone:
    """One start over a data folder; `output` is what the person at the terminal reads."""

    def __init__(self, folder: Path, **settings: str) -> None:
        self.folder = folder
        self._output = folder.parent / f"{folder.name}.out"
        env = {name: value for name, value in os.environ.items() if not name.startswith("FLOWVERSAL_")}
        for name in ("DATABASE_URL", "BROKER_URL", "REDIS_URL"):
            env.pop(name, None)
        env |= {"FLOWVERSAL_DATA_DIR": str(folder), "FLOWVERSAL_WORKERS": "1", **settings}
        with self._output.open("wb") as output:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "services.standalone"],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                cwd=ROOT,
                env=env,
                start_new_session=True,
            )

    @property
    def output(self) -> str:
        return self._output.read_text(errors="replace")

    @property
    def url(self) -> str:
        return re.search(r"Open +(http\S+)", self.output)[1]

    def ready(self) -> float:
        """Wait for the banner; the seconds it names."""
        wait_until(lambda: self._process.poll() is not None or bool(READY.search(self.output)), READY_S)
        found = READY.search(self.output)
        assert found is not None, f"exit code {self._process.poll()}\n{self.output}"
        return float(found[1])

    def ended(self) -> int:
        """Wait for its end; the exit code."""
        return self._process.wait(STOP_S)

    def family(self) -> list[psutil.Process]:
        """The supervisor and all that it started."""
        supervisor = psutil.Process(self._process.pid)
        return [supervisor, *supervisor.children(recursive=True)]

    def interrupt(self) -> int:
        """Ctrl-C; the exit code."""
        os.killpg(self._process.pid, signal.SIGINT)
        return self.ended()

    def kill_everything(self) -> None:
        """SIGKILL to every process at once, as when the machine runs out of memory or a container is removed."""
        for process in self.family():
            # A child may end by itself, now that its parent is gone.
            with contextlib.suppress(psutil.NoSuchProcess):
                process.kill()
        self.ended()

    def kill_supervisor(self) -> None:
        """SIGKILL to the supervisor alone."""
        self._process.kill()
        self.ended()

    def clean_up(self) -> None:
        """Leave nothing behind, whatever the test did."""
        if self._process.poll() is None:
            family = self.family()
            os.killpg(self._process.pid, signal.SIGTERM)
            _, alive = psutil.wait_procs(family, timeout=STOP_S)
            for process in alive:
                process.kill()
            self._process.wait()

    def get(self, path: str) -> tuple[int, bytes]:
        """Status and body of one page."""
        with urllib.request.urlopen(self.url + path, timeout=20) as answer:
            return answer.status, answer.read()

    def post(self, path: str, token: str, body: Any) -> Any:
        """The answer of the API; a run is waited for."""
        headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json", "Prefer": "wait=30"}
        request = urllib.request.Request(self.url + path, json.dumps(body).encode(), headers, method="POST")
        with urllib.request.urlopen(request, timeout=60) as answer:
            return json.loads(answer.read())


def survivors(processes: list[psutil.Process], timeout_s: float) -> list[str]:
    """Those that have not ended after so long, by name and state; a zombie that nobody reaps has ended."""

    def ended(process: psutil.Process) -> bool:
        try:
            return not process.is_running() or process.status() == psutil.STATUS_ZOMBIE
        except psutil.NoSuchProcess:
            return True

    wait_until(lambda: all(ended(process) for process in processes), timeout_s)
    left = [process for process in processes if not ended(process)]
    return [f"{process.pid} {process.name()} {process.status()}" for process in left]
