"""P8: the memory of a worker that has nothing to do, and of one behind which very many steps are queued."""

import time
from dataclasses import dataclass
from typing import ClassVar, Self

from shared.publisher import make_publisher
from tests.bench.figures import Load, Measured, Row, at_most
from tests.bench.flows import Flows
from tests.bench.product import product
from tests.bench.servers import Urls
from tests.factories import chain


@dataclass(frozen=True)
class Backlog(Load):
    """Each queued step is a ready row in Postgres and a message in RabbitMQ. What is left of them is thrown away."""

    id: ClassVar[str] = "P8"
    about: ClassVar[str] = "memory of idle workers, and with 100,000 queued steps (or --backlog) behind them for 20 s"
    rows: ClassVar[tuple[Row, ...]] = (
        Row("idle", "MB of an idle worker process, the larger one", at_most(90)),
        Row("worked", "MB of a worker after 24,000 executions, when its memory of them is full"),
        Row("backlog", "MB of a worker with 100,000 queued steps (or --backlog), at most"),
        Row("growth", "MB that a worker has grown behind the queue", at_most(5)),
        Row("left", "steps that were still queued in the end"),
    )
    round_s: ClassVar[float] = 100

    steps: int = 100_000
    settle_s: float = 6
    seconds: float = 20
    warm_up: int = 24_000
    """Executions, so many that what a worker remembers of them has its full size."""

    @classmethod
    def small(cls) -> Self:
        """See Load."""
        return cls(steps=300, settle_s=0.1, seconds=0.3, warm_up=20)

    def measure(self, urls: Urls) -> Measured:
        """See Load."""
        publisher = make_publisher(urls.broker)
        with product(urls) as running:
            flows = Flows(urls)
            time.sleep(self.settle_s)
            idle = running.memory.now()
            flow = flows.publish("One node", chain(1))
            flows.queue(publisher, flow, self.warm_up)
            flows.await_ends(flow, self.warm_up)
            with running.memory.watch() as memory:
                flows.queue(publisher, flow, self.steps)
                time.sleep(self.seconds)
            left = self.warm_up + self.steps - flows.ended(flow)
            flows.close()
        publisher.close()
        workers = [name for name in idle if name.startswith("worker")]
        figures = {
            "idle": max(idle[name] for name in workers),
            "worked": max(memory.seen[name][0][1] for name in workers),
            "backlog": memory.most("worker"),
            "growth": memory.growth("worker"),
            "left": float(left),
        }
        notes = [f"idle memory of {name}: {mb:.0f} MB" for name, mb in idle.items()]
        return Measured(figures, {"idle": idle, "memory": memory.seen}, [*notes, *memory.summary()])
