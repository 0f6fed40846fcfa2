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
from tests.bench.flows import Flows
from tests.bench.loads import Ours
from tests.bench.product import Product, product
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
        "chains of 20 in one worker process beside 22 others, which write 22,000 log lines a second, or nearly none"
    )
    rows: ClassVar[tuple[Row, ...]] = (
        Row("lines", "log lines/s that one process writes while its steps are measured", at_least(20_000)),
        Row("behind", "s after the last of them until all are stored"),
        Row("quiet", "steps/s of one process beside runs that write nearly none"),
        Row("noisy", "steps/s of one process beside runs that write them"),
        Row("ratio", "ratio of the two", at_least(0.9)),
    )
    round_s: ClassVar[float] = 50

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
            ours.run(self.chains, self.length)
            # A node that runs has a thread of its process to itself, whatever it does: these do the same without lines.
            before = self._beside(1, self.lines // self.per_s, running, ours)
            loud = self._beside(self.per_s, self.lines, running, ours)
            after = self._beside(1, self.lines // self.per_s, running, ours)
            ours.close()
        publisher.close()
        quiet, noisy = mean([before["steps"], after["steps"]]), loud["steps"]
        figures = {"lines": loud["lines"], "behind": loud["behind"]}
        return Measured(figures | {"noisy": noisy, "quiet": quiet, "ratio": noisy / quiet})

    def _beside(self, per_s: int, lines: int, running: Product, ours: Ours) -> dict[str, float]:
        """Steps a second while 22 executions log; in the end every line of theirs is in the database, once."""
        flows = ours.flows
        flow = flows.publish("Noise", definition(node("noise", noise.Noise.type, {"perS": per_s, "lines": lines})))
        already = _count(flows, LINES)
        wanted = already + self.sources * lines
        run(ask_all(running.port, start_request(running, flows, flow), self.sources, 1))
        assert wait_until(lambda: _count(flows, LINES) > already, STORED_S)
        began = datetime.now(UTC)
        took = ours.run(self.chains, self.length)
        ended = datetime.now(UTC)
        flows.await_ends(flow, self.sources)
        written = time.perf_counter()
        flows.all_succeeded(flow, self.sources)
        assert wait_until(lambda: _count(flows, LINES) >= wanted, STORED_S)
        behind = time.perf_counter() - written
        assert _count(flows, LINES) == wanted
        meanwhile = _count(flows, LINES_BETWEEN, began, ended) / (ended - began).total_seconds()
        return {"steps": self.chains * self.length / took, "lines": meanwhile, "behind": behind}


def _count(flows: Flows, query: str, *values: datetime) -> int:
    row = flows.connection.execute(query, values).fetchone()
    assert row is not None
    return int(row[0])
