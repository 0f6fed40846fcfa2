"""The memory of processes over time: resident, in MB (10^6 bytes), with their children."""

import contextlib
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field

import psutil

EVERY_S = 0.25


@dataclass
class Series:
    """What was seen: (seconds, MB) by process, in order."""

    seen: dict[str, list[tuple[float, float]]] = field(default_factory=dict)

    def most(self, name: str = "") -> float:
        """The largest of the processes whose names begin so, at any moment."""
        return max(mb for known, points in self.seen.items() if known.startswith(name) for _, mb in points)

    def growth(self, name: str = "") -> float:
        """How much more one of these had at any moment than at the start, at most."""
        found = [points for known, points in self.seen.items() if known.startswith(name)]
        return max(mb - points[0][1] for points in found for _, mb in points)

    def kept(self, name: str = "") -> float:
        """How much more one of these had in the end than at the start, at most."""
        return max(points[-1][1] - points[0][1] for known, points in self.seen.items() if known.startswith(name))

    def summary(self) -> list[str]:
        """Start, most and end of each."""
        return [
            f"memory of {name}: {points[0][1]:.0f} MB at the start, {max(mb for _, mb in points):.0f} at most, "
            f"{points[-1][1]:.0f} at the end"
            for name, points in self.seen.items()
        ]


class Memory:
    """That of some processes, by name."""

    def __init__(self, pids: Mapping[str, int]) -> None:
        self._processes = {name: psutil.Process(pid) for name, pid in pids.items()}

    def now(self) -> dict[str, float]:
        """MB at this moment."""
        return {name: _family_mb(process) for name, process in self._processes.items()}

    @contextmanager
    def watch(self) -> Iterator[Series]:
        """What is used within the block; complete after it."""
        series, over, began = Series(), threading.Event(), time.monotonic()

        def look() -> None:
            for name, mb in self.now().items():
                series.seen.setdefault(name, []).append((round(time.monotonic() - began, 2), mb))

        def keep_looking() -> None:
            while not over.wait(EVERY_S):
                look()

        look()
        thread = threading.Thread(target=keep_looking, name="memory", daemon=True)
        thread.start()
        try:
            yield series
        finally:
            over.set()
            thread.join()
            look()


def _family_mb(process: psutil.Process) -> float:
    total = 0
    for member in (process, *process.children(recursive=True)):
        with contextlib.suppress(psutil.NoSuchProcess):
            total += member.memory_info().rss
    return total / 1e6
