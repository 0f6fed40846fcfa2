"""A step that was published while the broker was away reaches a worker within a second of its return."""

import time
from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import urlsplit

import dramatiq.worker
import pytest

from services.worker.main import RECONNECT_S
from shared.publisher import make_publisher
from tests.chaos.proxy import Proxy
from tests.integration.transport.conftest import Sink, ref

Work = Callable[..., tuple[Any, Sink]]
WITHIN_S = 1.0


@pytest.fixture
def wire(broker_url: str) -> Iterator[tuple[Proxy, str]]:
    """A proxy before the broker, and the URL that leads through it."""
    parts = urlsplit(broker_url)
    assert parts.hostname is not None
    assert parts.port is not None
    proxy = Proxy((parts.hostname, parts.port), seed=1)
    yield proxy, broker_url.replace(f":{parts.port}", f":{proxy.port}")
    proxy.close()


def test_steps_of_an_outage_arrive_within_a_second_of_its_end(
    wire: tuple[Proxy, str], work: Work, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dramatiq.worker, "CONSUMER_RESTART_DELAY_SECS", RECONNECT_S)
    proxy, url = wire
    _, sink = work(url)
    publisher = make_publisher(url)
    assert publisher.publish([ref("before")]).result(timeout=10)
    sink.wait(1)
    proxy.refuse(refuses=True)
    proxy.cut()
    while publisher.publish([ref("lost")]).result(timeout=10):
        pass
    refs = [ref(f"n{number}") for number in range(50)]
    began = time.monotonic()
    assert not publisher.publish(refs).result(timeout=10)
    assert time.monotonic() - began < WITHIN_S, "nobody waits for a broker that is away"

    proxy.heal()
    healed = time.monotonic()
    wanted = {each.node for each in refs} | {"lost"}
    count = len(sink.seen)
    while not wanted <= {node for _, node, _ in sink.seen}:
        count += 1
        sink.wait(count)
    took_s = time.monotonic() - healed
    publisher.close()
    assert took_s < WITHIN_S, f"{took_s:.2f} s"


def test_a_request_costs_nothing_while_the_broker_is_away() -> None:
    for url in ("amqp://127.0.0.1:1", "redis://127.0.0.1:1"):
        publisher = make_publisher(url)
        assert not publisher.publish([ref()]).result(timeout=10)
        began = time.monotonic()
        for number in range(2_000):
            publisher.publish([ref(str(number))])
        assert time.monotonic() - began < WITHIN_S
        publisher.close()
