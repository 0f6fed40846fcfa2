"""P1 and P2: chains of no-op steps, beside plain Dramatiq in the same round."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from statistics import median
from typing import ClassVar, Self

from shared.publisher import make_publisher
from tests.bench.figures import Load, Measured, Row, at_least, at_most
from tests.bench.loads import Ours, Raw, processes
from tests.bench.servers import Urls


@contextmanager
def _raw(urls: Urls) -> Iterator[Raw]:
    with processes("tests.bench.raw_worker", urls, pipe=True) as workers:
        raw = Raw(urls, workers)
        raw.run(20, 20)
        yield raw
        raw.close()


@contextmanager
def _ours(urls: Urls) -> Iterator[Ours]:
    publisher = make_publisher(urls.broker)
    with processes("services.worker", urls, pipe=False):
        ours = Ours(urls, publisher)
        ours.run(20, 20)
        yield ours
        ours.close()
    publisher.close()


@dataclass(frozen=True)
class ManyChains(Load):
    """As many steps a second as two processes can do."""

    id: ClassVar[str] = "P1"
    about: ClassVar[str] = "200 executions of 20 steps in a chain, and the same on plain Dramatiq"
    rows: ClassVar[tuple[Row, ...]] = (
        Row("raw", "steps/s, many chains of 20: plain Dramatiq"),
        Row("ours", "steps/s, many chains of 20: Flowversal"),
        Row("ratio", "ratio of the two", at_least(0.6)),
    )
    round_s: ClassVar[float] = 14

    rounds: int = 3
    chains: int = 200
    length: int = 20

    @classmethod
    def small(cls) -> Self:
        """See Load."""
        return cls(rounds=1, chains=5, length=4)

    def measure(self, urls: Urls) -> Measured:
        """See Load."""
        steps = self.chains * self.length
        with _raw(urls) as raw:
            theirs = steps / raw.run(self.chains, self.length)
        with _ours(urls) as ours:
            mine = steps / ours.run(self.chains, self.length)
        return Measured({"raw": theirs, "ours": mine, "ratio": mine / theirs})


@dataclass(frozen=True)
class OneChain(Load):
    """How long one step takes when there is nothing else to do."""

    id: ClassVar[str] = "P2"
    about: ClassVar[str] = "one execution of 200 steps in a chain, and the same on plain Dramatiq"
    rows: ClassVar[tuple[Row, ...]] = (
        Row("raw", "ms a step, one chain of 200: plain Dramatiq"),
        Row("ours", "ms a step, one chain of 200: Flowversal", at_most(3)),
        Row("ratio", "ratio of the two"),
    )
    round_s: ClassVar[float] = 15

    rounds: int = 3
    runs: int = 7
    """Of each in a round, one after the other; the median counts: on an idle machine one may take twice as long as the next."""
    length: int = 200

    @classmethod
    def small(cls) -> Self:
        """See Load."""
        return cls(rounds=1, runs=1, length=10)

    def measure(self, urls: Urls) -> Measured:
        """See Load."""
        with _raw(urls) as raw:
            theirs = 1000 * self._median(raw) / self.length
        with _ours(urls) as ours:
            ours.run(2, self.length)
            mine = 1000 * self._median(ours) / self.length
        return Measured({"raw": theirs, "ours": mine, "ratio": mine / theirs})

    def _median(self, system: Raw | Ours) -> float:
        return median(system.run(1, self.length) for _ in range(self.runs))
