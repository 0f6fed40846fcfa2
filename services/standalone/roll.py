"""Which processes a supervisor started, on disk, so that the next one can end what a SIGKILL left behind."""

import contextlib
import json
import os
import signal
from dataclasses import asdict, dataclass
from pathlib import Path

import psutil

ENDED_S = 20.0
SAME_START_S = 1.0


@dataclass(frozen=True)
class Entry:
    """One process; `started_at` (seconds since the epoch) tells it from a later one with the same number."""

    pid: int
    started_at: float
    stop_signal: int
    worker_id: str


class Roll:
    """Reads and writes `file`. Worker ids stay on it until their leases were expired."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self._entries: dict[str, Entry] = {}
        self.lost_workers: list[str] = []
        self._read()

    def started(self, name: str, pid: int, stop_signal: int, worker_id: str = "") -> None:
        """A process was started. One that has ended already is not worth an entry, except for its worker id."""
        try:
            started_at = psutil.Process(pid).create_time()
        except psutil.NoSuchProcess:
            started_at = 0.0
        self._entries[name] = Entry(pid, started_at, stop_signal, worker_id)
        self._write()

    def ended(self, name: str) -> None:
        """A process has ended; its worker id waits for `expired`."""
        entry = self._entries.pop(name, None)
        if entry is not None and entry.worker_id:
            self.lost_workers.append(entry.worker_id)
        self._write()

    def expired(self, worker_id: str) -> None:
        """The leases of this worker are gone."""
        self.lost_workers.remove(worker_id)
        self._write()

    def end_leftovers(self) -> int:
        """End what still runs of the last supervisor's processes; returns how many there were."""
        found = [(entry, process) for entry in self._entries.values() if (process := _alive(entry)) is not None]
        for entry, process in found:
            with contextlib.suppress(psutil.NoSuchProcess):
                process.send_signal(entry.stop_signal)
        _, stubborn = psutil.wait_procs([process for _, process in found], timeout=ENDED_S)
        for process in stubborn:
            with contextlib.suppress(psutil.NoSuchProcess):
                process.kill()
        for entry, _ in found:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(entry.pid, signal.SIGKILL)
        for name in list(self._entries):
            self.ended(name)
        return len(found)

    def _read(self) -> None:
        # A torn or foreign file only costs the clean-up that it was for.
        with contextlib.suppress(OSError, ValueError, TypeError, KeyError):
            content = json.loads(self._file.read_text())
            self._entries = {name: Entry(**entry) for name, entry in content["processes"].items()}
            self.lost_workers = list(content["lost_workers"])

    def _write(self) -> None:
        entries = {name: asdict(entry) for name, entry in self._entries.items()}
        text = json.dumps({"processes": entries, "lost_workers": self.lost_workers}, indent=1)
        new = self._file.with_suffix(".new")
        new.write_text(text)
        new.replace(self._file)


def _alive(entry: Entry) -> psutil.Process | None:
    with contextlib.suppress(psutil.NoSuchProcess, psutil.AccessDenied):
        process = psutil.Process(entry.pid)
        if abs(process.create_time() - entry.started_at) < SAME_START_S and process.status() != psutil.STATUS_ZOMBIE:
            return process
    return None
