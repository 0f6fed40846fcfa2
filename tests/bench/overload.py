"""P7: ten times what can be done at once, or a hundred thousand executions: no collapse, nothing lost, memory flat."""

import time
from dataclasses import dataclass
from typing import ClassVar, Self

from shared.publisher import Publisher, make_publisher
from tests.bench.figures import Load, Measured, Row, at_least
from tests.bench.flows import Flow, Flows
from tests.bench.product import product
from tests.bench.servers import Urls
from tests.factories import chain

LENGTH = 2


@dataclass(frozen=True)
class Overload(Load):
    """`queued` executions at once, beside a tenth of them or 2,000, whichever is less."""

    id: ClassVar[str] = "P7"
    about: ClassVar[str] = (
        "20,000 executions of 2 steps accepted at once, beside 2,000; memory of each process meanwhile"
    )
    rows: ClassVar[tuple[Row, ...]] = (
        Row("peak", "steps/s with 2,000 executions accepted at once"),
        Row("overloaded", "steps/s with ten times as many (or --queued), until the last has ended"),
        Row("ratio", "ratio of the two", at_least(0.9)),
        Row("offered", "times the peak at which they were offered"),
        Row("growth", "MB that the memory of a worker grew meanwhile, at most"),
    )
    round_s: ClassVar[float] = 75

    queued: int = 20_000

    @classmethod
    def small(cls) -> Self:
        """See Load."""
        return cls(queued=100)

    def measure(self, urls: Urls) -> Measured:
        """See Load."""
        publisher = make_publisher(urls.broker)
        few = min(2_000, self.queued // 10)
        with product(urls) as running:
            flows = Flows(urls)
            flow = flows.publish("Two nodes", chain(LENGTH))
            _drained(flows, publisher, flow, few)
            _, few_s = _drained(flows, publisher, flow, few)
            with running.memory.watch() as memory:
                offered_s, many_s = _drained(flows, publisher, flow, self.queued)
            flows.all_succeeded(flow, 2 * few + self.queued)
            flows.close()
        publisher.close()
        peak, overloaded = LENGTH * few / few_s, LENGTH * self.queued / many_s
        figures = {
            "peak": peak,
            "overloaded": overloaded,
            "ratio": overloaded / peak,
            "offered": LENGTH * self.queued / offered_s / peak,
            "growth": memory.growth("worker"),
        }
        return Measured(figures, {"memory": memory.seen}, memory.summary())


def _drained(flows: Flows, publisher: Publisher, flow: Flow, count: int) -> tuple[float, float]:
    """Accept so many at once; seconds until they are queued, and until all have ended, both from the beginning."""
    before, began = flows.ended(flow), time.perf_counter()
    flows.queue(publisher, flow, count)
    queued_s = time.perf_counter() - began
    flows.await_ends(flow, before + count)
    return queued_s, time.perf_counter() - began
