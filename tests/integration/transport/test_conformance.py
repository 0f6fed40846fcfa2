"""What the engine relies on, over RabbitMQ and over RedisBroker."""

from collections.abc import Callable
from typing import Any

from shared.broker import StepRef, message_of, queue_depths, queue_name, queue_names
from shared.publisher import make_publisher
from tests.integration.transport.conftest import Sink, ref

Work = Callable[..., tuple[Any, Sink]]


def test_what_is_published_is_processed_once_each(broker_url: str, work: Work) -> None:
    _, sink = work(broker_url)
    publisher = make_publisher(broker_url)
    refs = [ref(f"n{number}") for number in range(200)]
    while not publisher.publish(refs[:1]).result(timeout=10):
        pass  # the publisher is still connecting; it says so instead of blocking
    assert publisher.publish(refs[1:]).result(timeout=10)
    sink.wait(200)
    assert sorted(sink.seen) == sorted((r.execution_id.hex, r.node, r.item) for r in refs)
    publisher.close()


def test_every_priority_of_a_pool_is_served(broker_url: str, work: Work) -> None:
    _, sink = work(broker_url)
    publisher = make_publisher(broker_url)
    refs = [StepRef(ref().execution_id, f"p{priority}", "", "default", priority) for priority in (0, 1, 2)]
    while not publisher.publish(refs).result(timeout=10):
        pass
    sink.wait(3)
    assert {node for _, node, _ in sink.seen} == {"p0", "p1", "p2"}
    publisher.close()


def test_depths_count_what_waits(broker_url: str) -> None:
    publisher = make_publisher(broker_url)
    refs = [ref() for _ in range(3)]
    while not publisher.publish(refs).result(timeout=10):
        pass
    depths = queue_depths(broker_url, queue_names("default"))
    assert depths is not None
    assert depths[queue_name("default", 1)] == 3
    publisher.close()


def test_a_broker_that_is_away_costs_nothing() -> None:
    for url in ("amqp://127.0.0.1:1", "redis://127.0.0.1:1"):
        publisher = make_publisher(url)
        assert publisher.publish([ref()]).result(timeout=10) is False
        publisher.close()
        assert queue_depths(url, queue_names("default")) is None


def test_a_message_carries_ids_only() -> None:
    body = message_of(ref("a" * 64)).encode()
    assert len(body) < 1_024
    assert b'"kwargs":{},"options":{}' in body
