"""What loads have measured: figures of each round, their medians beside what is wanted, JSON in build/bench/."""

import os
import statistics
import time
from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, ClassVar, Self

import orjson

from tests.bench.servers import Urls

FOLDER = Path("build/bench")


@dataclass(frozen=True, slots=True)
class Wanted:
    """A bound of docs/performance.md."""

    bound: float
    least: bool

    def met(self, value: float) -> bool:
        """Whether a figure keeps it."""
        return value >= self.bound if self.least else value <= self.bound

    def __str__(self) -> str:
        return f"{'≥' if self.least else '≤'} {self.bound:,g}"


def at_least(bound: float) -> Wanted:
    """The more the better."""
    return Wanted(bound, least=True)


def at_most(bound: float) -> Wanted:
    """The less the better."""
    return Wanted(bound, least=False)


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the table: the median of a figure."""

    figure: str
    text: str
    wanted: Wanted | None = None


@dataclass(frozen=True, slots=True)
class Measured:
    """One round. `details` are for the JSON only, `notes` are printed below the table."""

    figures: dict[str, float]
    details: dict[str, Any] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Load(ABC):
    """One thing to measure. A round has servers, a database without any rows and empty queues to itself."""

    id: ClassVar[str]
    about: ClassVar[str]
    rows: ClassVar[tuple[Row, ...]]
    round_s: ClassVar[float]
    """About how long a round takes, seconds."""

    rounds: int = 1

    @classmethod
    @abstractmethod
    def small(cls) -> Self:
        """Just large enough to see that it works."""

    @abstractmethod
    def measure(self, urls: Urls) -> Measured:
        """One round: a figure for each row, at least. Raises AssertionError where anything accepted did not succeed."""


def medians(rounds: Sequence[Measured]) -> dict[str, float]:
    """Of every figure."""
    return {name: statistics.median(each.figures[name] for each in rounds) for name in rounds[0].figures}


def table(load: Load, rounds: Sequence[Measured]) -> str:
    """Measured and wanted, and the notes of the last round."""
    found = medians(rounds)
    lines = [_line(f"{load.id} {row.text}", found[row.figure], row.wanted) for row in load.rows]
    return "\n".join([*lines, *(f"     {note}" for note in rounds[-1].notes)])


def _line(text: str, value: float, wanted: Wanted | None) -> str:
    shown = f"{value:,.0f}" if abs(value) >= 100 else f"{value:.2f}"
    verdict = "" if wanted is None else f"   wanted {wanted}" + ("" if wanted.met(value) else ", not reached")
    return f"{text:<84}{shown:>9}{verdict}"


def write(load: Load, rounds: Sequence[Measured], folder: Path = FOLDER) -> Path:
    """All there is to know of a load as `<id>.json`; returns the file."""
    folder.mkdir(parents=True, exist_ok=True)
    result = {
        "id": load.id,
        "about": load.about,
        "at": int(time.time() * 1000),
        "cpus": os.cpu_count(),
        "load": asdict(load),
        "wanted": {row.figure: str(row.wanted) for row in load.rows if row.wanted is not None},
        "medians": medians(rounds),
        "rounds": [{"figures": each.figures, **each.details} for each in rounds],
    }
    file = folder / f"{load.id}.json"
    file.write_bytes(orjson.dumps(result, option=orjson.OPT_INDENT_2))
    return file
