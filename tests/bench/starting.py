"""P3: workflows that are started over HTTP, from the request to the last commit of the end."""

import time
from dataclasses import dataclass
from typing import ClassVar, Self

from tests.aio import run
from tests.bench.client import ask_all, start_request
from tests.bench.figures import Load, Measured, Row, at_least
from tests.bench.flows import Flows
from tests.bench.product import product
from tests.bench.servers import Urls
from tests.factories import chain


@dataclass(frozen=True)
class Starting(Load):
    """A closed loop: each connection sends its next request when it has its answer."""

    id: ClassVar[str] = "P3"
    about: ClassVar[str] = "2,000 workflows of 2 nodes, started over HTTP by 16 connections, until the last has ended"
    rows: ClassVar[tuple[Row, ...]] = (
        Row("executions", "executions/s of 2 nodes, started over HTTP, end to end", at_least(240)),
        Row("accepted", "requests accepted/s meanwhile"),
    )
    round_s: ClassVar[float] = 22

    rounds: int = 3
    executions: int = 2_000
    concurrency: int = 16
    warm_up: int = 200

    @classmethod
    def small(cls) -> Self:
        """See Load."""
        return cls(rounds=1, executions=20, concurrency=4, warm_up=4)

    def measure(self, urls: Urls) -> Measured:
        """See Load."""
        with product(urls) as running:
            flows = Flows(urls)
            flow = flows.publish("Two nodes", chain(2))
            request = start_request(running, flows, flow)
            run(ask_all(running.port, request, self.warm_up, self.concurrency))
            flows.await_ends(flow, self.warm_up)
            began = time.perf_counter()
            run(ask_all(running.port, request, self.executions, self.concurrency))
            accepted_s = time.perf_counter() - began
            flows.await_ends(flow, self.warm_up + self.executions)
            all_s = time.perf_counter() - began
            flows.all_succeeded(flow, self.warm_up + self.executions)
            flows.close()
        return Measured({"executions": self.executions / all_s, "accepted": self.executions / accepted_s})
