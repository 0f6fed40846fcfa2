"""One broker a test, RabbitMQ and Redis in turn: what is promised of the transport is promised of both."""

import threading
import uuid
from collections.abc import Callable, Iterator
from typing import Any

import dramatiq
import pytest
from dramatiq.worker import Worker

from shared.broker import StepRef, make_broker, queue_names
from shared.domain.messages import ACTOR


class Sink:
    """Records the messages that a worker processes, and lets a test wait for them."""

    def __init__(self) -> None:
        self.seen: list[tuple[str, str, str]] = []
        self.before: Callable[[str], None] = lambda _node: None
        self._changed = threading.Condition()

    def __call__(self, execution_id: str, node: str, item: str) -> None:
        self.before(node)
        with self._changed:
            self.seen.append((execution_id, node, item))
            self._changed.notify_all()

    def wait(self, count: int, timeout_s: float = 15.0) -> None:
        """Return once `count` messages were processed."""
        with self._changed:
            assert self._changed.wait_for(lambda: len(self.seen) >= count, timeout_s), f"{len(self.seen)} of {count}"


def ref(node: str = "a") -> StepRef:
    """A step of no execution at all."""
    return StepRef(uuid.uuid4(), node, "", "default")


@pytest.fixture(params=["amqp_url", "redis_url"])
def broker_url(request: pytest.FixtureRequest) -> str:
    """RabbitMQ, then Valkey."""
    url: str = request.getfixturevalue(request.param)
    return url


@pytest.fixture
def work() -> Iterator[Callable[..., tuple[dramatiq.Broker, Sink]]]:
    """Start a Dramatiq worker on a broker URL; stopped at the end."""
    workers: list[Worker] = []

    def start(url: str, threads: int = 4) -> tuple[dramatiq.Broker, Sink]:
        sink = Sink()
        broker: Any = make_broker(url)
        dramatiq.actor(actor_name=ACTOR, queue_name=queue_names("default")[1], broker=broker)(sink)
        for name in queue_names("default"):
            broker.declare_queue(name)
        workers.append(Worker(broker, worker_threads=threads, worker_timeout=100))
        workers[-1].start()
        return broker, sink

    yield start
    for worker in workers:
        worker.stop(timeout=5_000)
        worker.broker.close()
