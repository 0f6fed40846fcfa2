"""P9: a loop over ten thousand items, beside as many steps in chains."""

import time
from dataclasses import dataclass
from typing import ClassVar, Self

from shared.publisher import Publisher, make_publisher
from tests.bench.figures import Load, Measured, Row, at_least
from tests.bench.flows import Flow, Flows
from tests.bench.loads import Ours
from tests.bench.product import product
from tests.bench.servers import Urls
from tests.factories import Definition, loop, node


def fan_out(parallel: int) -> Definition:
    """A loop over the input's items with one no-op node in it, which reads its item."""
    each = loop("each", [node("noop", params={"output": "{{ item }}"})], maxParallel=parallel)
    return {"schema": 1, "containers": [each]}


@dataclass(frozen=True)
class FanOut(Load):
    """`parallel` items at a time, as many as P1 has chains."""

    id: ClassVar[str] = "P9"
    about: ClassVar[str] = "one execution with a loop over 10,000 items, 200 at a time, beside 200 chains of 20 steps"
    rows: ClassVar[tuple[Row, ...]] = (
        Row("chains", "steps/s of 200 chains of 20"),
        Row("items", "items/s of a loop over 10,000"),
        Row("ratio", "ratio of the two", at_least(0.7)),
        Row("growth", "MB that the memory of a worker grew for a moment (all items opened or collected)"),
        Row("kept", "MB of that which were left in the end"),
    )
    round_s: ClassVar[float] = 35

    rounds: int = 2
    items: int = 10_000
    parallel: int = 200
    chains: int = 200
    length: int = 20

    @classmethod
    def small(cls) -> Self:
        """See Load."""
        return cls(rounds=1, items=50, parallel=5, chains=5, length=4)

    def measure(self, urls: Urls) -> Measured:
        """See Load."""
        publisher = make_publisher(urls.broker)
        with product(urls) as running:
            ours = Ours(urls, publisher)
            flow = ours.flows.publish("Fan-out", fan_out(self.parallel))
            ours.run(20, self.length)
            _looped(ours.flows, publisher, flow, self.items // 10)
            chains = self.chains * self.length / ours.run(self.chains, self.length)
            with running.memory.watch() as memory:
                items = self.items / _looped(ours.flows, publisher, flow, self.items)
            ours.flows.all_succeeded(flow, 2)
            ours.close()
        publisher.close()
        figures = {"chains": chains, "items": items, "ratio": items / chains}
        figures |= {"growth": memory.growth("worker"), "kept": memory.kept("worker")}
        return Measured(figures, {"memory": memory.seen}, memory.summary())


def _looped(flows: Flows, publisher: Publisher, flow: Flow, items: int) -> float:
    """Seconds for one execution with so many items."""
    before, began = flows.ended(flow), time.perf_counter()
    publisher.publish(flows.start(flow, {"items": list(range(items))}).ready)
    flows.await_ends(flow, before + 1)
    return time.perf_counter() - began
