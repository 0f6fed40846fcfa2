"""P4: how long `POST …/executions` takes until it is accepted, at a fixed rate, while workers run what it starts."""

import time
from dataclasses import dataclass
from statistics import quantiles
from typing import ClassVar, Self

from tests.aio import run
from tests.bench.client import ask_all, ask_at_rate, start_request
from tests.bench.figures import Load, Measured, Row, at_most
from tests.bench.flows import Flows
from tests.bench.product import product
from tests.bench.servers import Urls
from tests.factories import chain


@dataclass(frozen=True)
class Accepting(Load):
    """An open loop: a request is due at its moment, and what it waits for before it is sent counts."""

    id: ClassVar[str] = "P4"
    about: ClassVar[str] = (
        "200 starts a second over HTTP for 30 s, on time whatever the answers do, workers running them"
    )
    rows: ClassVar[tuple[Row, ...]] = (
        Row("p50", "ms until a start is accepted, at 200/s: p50", at_most(5)),
        Row("p99", "ms until a start is accepted, at 200/s: p99", at_most(25)),
        Row("most", "ms until a start is accepted, at 200/s: most"),
        Row("refused", "starts that were refused, of all", at_most(0)),
        Row("late", "ms of that the client's own (sent later than due): p99"),
        Row("behind", "s from the last answer until everything has ended"),
    )
    round_s: ClassVar[float] = 42

    per_s: float = 200
    seconds: float = 30
    warm_up: int = 1_000

    @classmethod
    def small(cls) -> Self:
        """See Load."""
        return cls(per_s=20, seconds=1, warm_up=4)

    def measure(self, urls: Urls) -> Measured:
        """See Load."""
        with product(urls) as running:
            flows = Flows(urls)
            flow = flows.publish("Two nodes", chain(2))
            request = start_request(running, flows, flow)
            run(ask_all(running.port, request, self.warm_up, 4))
            flows.await_ends(flow, self.warm_up)
            answered = run(ask_at_rate(running.port, request, self.per_s, self.seconds))
            began = time.perf_counter()
            accepted = self.warm_up + len(answered.latency_ms) - answered.refused
            flows.await_ends(flow, accepted)
            behind = time.perf_counter() - began
            flows.all_succeeded(flow, accepted)
            flows.close()
        hundredths, late = quantiles(answered.latency_ms, n=100), quantiles(answered.late_ms, n=100)
        figures = {"p50": hundredths[49], "p99": hundredths[98], "most": max(answered.latency_ms)}
        figures |= {"refused": answered.refused, "late": late[98], "behind": behind}
        return Measured(figures, {"percentiles": hundredths})
