"""P10: what the steps of a process lose while other steps of the same process write very many log lines."""

import time
from dataclasses import dataclass
from datetime import UTC, datetime
from statistics import mean
from typing import ClassVar, Self

from services.standalone.child import wait_until
from shared.publisher import make_publisher
from tests.aio import run
from tests.bench import noise
from tests.bench.client import ask_all, start_request
from tests.bench.figures import Load, Measured, Row, at_least
from tests.bench.flows import Flow, Flows
from tests.bench.loads import Ours
from tests.bench.product import product
from tests.bench.servers import Urls
from tests.factories import definition, node

LINES = "SELECT count(*) FROM execution_logs"
LINES_BETWEEN = "SELECT count(*) FROM execution_logs WHERE at BETWEEN %s AND %s"
STORED_S = 20.0


@dataclass(frozen=True)
class LogLines(Load):
    """One worker process. Lines go the way of every node's: `ctx.log`, the process's log writer, COPY."""

    id: ClassVar[str] = "P10"
    about: ClassVar[str] = (
        "chains of 20 in one worker process, in turn with and without 22,000 log lines a second in it"
    )
    rows: ClassVar[tuple[Row, ...]] = (
        Row("lines", "log lines/s that one process writes while its steps are measured", at_least(20_000)),
        Row("behind", "s after the last of them until all are stored"),
        Row("quiet", "steps/s of one process without them"),
        Row("noisy", "steps/s of one process with them"),
        Row("ratio", "ratio of the two", at_least(0.9)),
    )
    round_s: ClassVar[float] = 28

    rounds: int = 2
    chains: int = 100
    length: int = 20
    sources: int = 22
    per_s: int = 1_000
    lines: int = 12_000
    """Of each source; a run may have 20,000 of a process."""

    @classmethod
    def small(cls) -> Self:
        """See Load."""
        return cls(rounds=1, chains=5, length=4, sources=2, per_s=200, lines=600)

    def measure(self, urls: Urls) -> Measured:
        """See Load."""
        publisher = make_publisher(urls.broker)
        with noise.installed() as environment, product(urls, workers=1, environment=environment) as running:
            ours = Ours(urls, publisher)
            flow = ours.flows.publish("Noise", self._noise())
            request = start_request(running, ours.flows, flow)
            ours.run(self.chains, self.length)
            before = self._steps_per_s(ours)
            run(ask_all(running.port, request, self.sources, 1))
            with_noise = self._with_noise(ours, flow)
            after = self._steps_per_s(ours)
            ours.close()
        publisher.close()
        quiet = mean([before, after])
        return Measured(with_noise | {"quiet": quiet, "ratio": with_noise["noisy"] / quiet})

    def _noise(self) -> dict[str, object]:
        return definition(node("noise", noise.Noise.type, {"perS": self.per_s, "lines": self.lines}))

    def _steps_per_s(self, ours: Ours) -> float:
        return self.chains * self.length / ours.run(self.chains, self.length)

    def _with_noise(self, ours: Ours, flow: Flow) -> dict[str, float]:
        """Figures of the time with noise; every line of it is in the database in the end."""
        flows = ours.flows
        assert wait_until(lambda: _count(flows, LINES) > 0, STORED_S)
        began = datetime.now(UTC)
        steps_per_s = self._steps_per_s(ours)
        ended = datetime.now(UTC)
        flows.await_ends(flow, self.sources)
        written = time.perf_counter()
        flows.all_succeeded(flow, self.sources)
        assert wait_until(lambda: _count(flows, LINES) >= self.sources * self.lines, STORED_S)
        behind = time.perf_counter() - written
        assert _count(flows, LINES) == self.sources * self.lines
        lines = _count(flows, LINES_BETWEEN, began, ended) / (ended - began).total_seconds()
        return {"lines": lines, "behind": behind, "noisy": steps_per_s}


def _count(flows: Flows, query: str, *values: datetime) -> int:
    row = flows.connection.execute(query, values).fetchone()
    assert row is not None
    return int(row[0])
