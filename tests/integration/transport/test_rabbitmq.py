"""Traps of Dramatiq on RabbitMQ, each with a test that would catch it."""

import socket
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pika
import psutil
import pytest
from dramatiq.middleware import Middleware

from services.standalone.servers.rabbitmq import RabbitMQ
from services.worker.running import hold
from shared.broker import make_broker, queue_depths, queue_name, queue_names
from shared.publisher import make_publisher
from shared.rabbitmq import queue_arguments
from tests.integration.transport.conftest import Sink, ref

Work = Callable[..., tuple[Any, Sink]]
QUEUE = queue_name("default", 1)


def cut(consumer: Any) -> None:
    """Cut the connection under a running consumer, as a network would."""
    consumer.connection._impl._transport._sock.shutdown(socket.SHUT_RDWR)


class Hold(Middleware):
    """Holds every message, and hands over its node with what settles it."""

    def __init__(self, keep: Callable[[str, Callable[[], object]], object]) -> None:
        self._keep = keep

    def before_process_message(self, _broker: Any, message: Any) -> None:
        """Dramatiq's signal."""
        settle = hold(message)
        assert settle is not None
        self._keep(message.args[1], settle)


def consumer_threads() -> list[Any]:
    return [t for t in threading.enumerate() if type(t).__name__ == "ConsumerThread" and t.consumer is not None]


def test_a_step_from_before_a_reconnect_acknowledges_nobody_elses_message(amqp_url: str, work: Work) -> None:
    """Tags restart at 1 after a reconnect: the old step's late acknowledgement must not take a new message away."""
    release, started = threading.Event(), threading.Event()
    _, sink = work(amqp_url, threads=3)

    def hold(node: str) -> None:
        if node == "old":
            started.set()
            release.wait(10)

    sink.before = hold
    publisher = make_publisher(amqp_url)
    while not publisher.publish([ref("old")]).result(timeout=10):
        pass
    assert started.wait(10)
    message = next(thread for thread in consumer_threads() if thread.queue_name == QUEUE)
    old = message.consumer
    cut(old)
    until_new = threading.Event()
    while message.consumer is old and not until_new.wait(0.05):
        pass
    new = message.consumer
    stale = type("Stale", (), {"consumer": old, "_tag": 1})()
    new.known_tags.add(1)
    new.ack(stale)
    assert 1 in new.known_tags, "the new consumer must ignore a message of the old one"
    new.known_tags.discard(1)
    release.set()
    sink.wait(1)
    publisher.close()


def test_an_early_acknowledgement_makes_the_late_one_silent(amqp_url: str, work: Work) -> None:
    _, sink = work(amqp_url, threads=1)
    publisher = make_publisher(amqp_url)
    while not publisher.publish([ref(f"n{number}") for number in range(20)]).result(timeout=10):
        pass
    sink.wait(20)
    thread = next(t for t in consumer_threads() if t.queue_name == QUEUE)
    done = type("Done", (), {"consumer": thread.consumer, "_tag": 999})()
    thread.consumer.ack(done)
    thread.consumer.ack(done)
    publisher.publish([ref("after")])
    sink.wait(21)
    publisher.close()


def test_there_is_no_delay_queue(amqp_url: str, work: Work) -> None:
    """Delayed messages would be parked in memory, resent and doubled: timers are in Postgres."""
    broker, _ = work(amqp_url)
    assert broker.get_declared_delay_queues() == set()
    with pytest.raises(pika.exceptions.ChannelClosedByBroker, match="NOT_FOUND"):
        connection = pika.BlockingConnection(pika.URLParameters(amqp_url))
        try:
            connection.channel().queue_declare(f"{QUEUE}.DQ", passive=True)
        finally:
            connection.close()


def test_an_undecodable_message_is_a_dead_letter_and_the_worker_lives(amqp_url: str, work: Work) -> None:
    _, sink = work(amqp_url)
    connection = pika.BlockingConnection(pika.URLParameters(amqp_url))
    channel = connection.channel()
    channel.queue_declare(QUEUE, durable=True, arguments=queue_arguments(QUEUE))
    channel.basic_publish("", QUEUE, b"\xff not json")
    publisher = make_publisher(amqp_url)
    while not publisher.publish([ref("fine")]).result(timeout=10):
        pass
    sink.wait(1)
    for _ in range(200):
        dead = channel.queue_declare(f"{QUEUE}.XQ", passive=True).method.message_count
        if dead:
            break
        connection.sleep(0.05)
    assert dead == 1
    connection.close()
    publisher.close()


def test_a_deleted_queue_is_declared_again(amqp_url: str) -> None:
    publisher = make_publisher(amqp_url)
    while not publisher.publish([ref()]).result(timeout=10):
        pass
    connection = pika.BlockingConnection(pika.URLParameters(amqp_url))
    connection.channel().queue_delete(QUEUE)
    publisher.publish([ref("lost")]).result(timeout=10)
    assert publisher.publish([ref("found")]).result(timeout=10)
    depths = queue_depths(amqp_url, queue_names("default"))
    assert depths is not None
    assert depths[QUEUE] == 1
    connection.close()
    publisher.close()


def test_a_channel_that_the_server_closes_is_opened_again(amqp_url: str) -> None:
    """A queue with other arguments closes the channel and not the connection: no publish may wait for ever."""
    connection = pika.BlockingConnection(pika.URLParameters(amqp_url))
    channel = connection.channel()
    channel.queue_declare(queue=QUEUE, durable=True, arguments={"x-message-ttl": 1_000})
    publisher = make_publisher(amqp_url)
    assert publisher.publish([ref("a")]).result(timeout=10) is False
    channel.queue_delete(queue=QUEUE)
    connection.close()
    ends = time.monotonic() + 20
    while not publisher.publish([ref("b")]).result(timeout=10):
        assert time.monotonic() < ends
        time.sleep(0.05)
    assert publisher.connected
    assert publisher.outages >= 1
    publisher.close()


def test_a_held_message_is_settled_once_and_later(amqp_url: str, work: Work) -> None:
    """Dramatiq's acknowledgement after the actor is ignored while a message is held; the real one comes when told."""
    held: list[Callable[[], object]] = []
    broker, sink = work(amqp_url)

    broker.add_middleware(Hold(lambda _node, settle: held.append(settle)))
    publisher = make_publisher(amqp_url)
    while not publisher.publish([ref(str(number)) for number in range(5)]).result(timeout=10):
        pass
    sink.wait(5)
    consumer = next(thread.consumer for thread in consumer_threads() if thread.queue_name == QUEUE)
    assert len(consumer.known_tags) == 5, "all are still out"
    for settle in reversed(held):
        settle()
        settle()
    ends = time.monotonic() + 10
    while consumer._finished or consumer.known_tags:
        assert time.monotonic() < ends
        time.sleep(0.01)
    publisher.close()
    assert (queue_depths(amqp_url, [QUEUE]) or {})[QUEUE] == 0


def test_a_message_held_across_a_reconnect_comes_again(amqp_url: str, work: Work) -> None:
    """What settles the old one must not acknowledge its second delivery, which has a tag of its own."""
    held: list[Callable[[], object]] = []
    broker, sink = work(amqp_url)

    broker.add_middleware(Hold(lambda _node, settle: held.append(settle)))
    publisher = make_publisher(amqp_url)
    while not publisher.publish([ref()]).result(timeout=10):
        pass
    sink.wait(1)
    thread = next(thread for thread in consumer_threads() if thread.queue_name == QUEUE)
    cut(thread.consumer)
    sink.wait(2)
    held[0]()
    assert thread.consumer.known_tags, "the second delivery is still out"
    held[1]()
    sent = threading.Event()
    thread.consumer._later(thread.consumer._send_acks)
    thread.consumer._later(sent.set)
    assert sent.wait(10)
    cut(thread.consumer)
    while not publisher.publish([ref("after")]).result(timeout=10):
        pass
    sink.wait(3)
    assert [node for _, node, _ in sink.seen] == ["a", "a", "after"], "once settled, it is gone"
    publisher.close()


def test_steps_that_end_out_of_order_leave_the_others_with_the_broker(amqp_url: str, work: Work) -> None:
    """`multiple` acknowledges everything up to a tag: never past a message whose step still runs."""
    held: dict[str, Callable[[], object]] = {}
    broker, sink = work(amqp_url)

    broker.add_middleware(Hold(held.__setitem__))
    publisher = make_publisher(amqp_url)
    while not publisher.publish([ref(str(number)) for number in range(6)]).result(timeout=10):
        pass
    sink.wait(6)
    thread = next(thread for thread in consumer_threads() if thread.queue_name == QUEUE)
    for node in ("0", "1", "3", "5"):
        held[node]()
    sent = threading.Event()
    # Callbacks of a connection run one after the other: behind this one, the acknowledgements are on their way.
    thread.consumer._later(thread.consumer._send_acks)
    thread.consumer._later(sent.set)
    assert sent.wait(10)
    before = len(sink.seen)
    cut(thread.consumer)
    sink.wait(before + 2)
    assert sorted(node for _, node, _ in sink.seen[before:]) == ["2", "4"], "the broker kept what was not settled"
    publisher.close()


def test_no_middleware_retries_interrupts_or_publishes(broker_url: str) -> None:
    """Dramatiq swallows what fails after the actor, and interrupts threads wherever they are: none of that is on."""
    assert make_broker(broker_url).middleware == []


def test_many_threads_publish_over_one_connection(rabbitmq: RabbitMQ, amqp_url: str) -> None:
    """Dramatiq opens a connection for each thread that publishes, and keeps those of threads that are gone."""

    def open_sockets() -> int:
        return sum(
            each.raddr[1:] == (rabbitmq.port("amqp"),) for each in psutil.Process().net_connections() if each.raddr
        )

    before = open_sockets()
    publisher = make_publisher(amqp_url)

    def publish(number: int) -> bool:
        return publisher.publish([ref(str(number))]).result(timeout=10)

    for _ in range(3):
        with ThreadPoolExecutor(20) as threads:
            assert all(threads.map(publish, range(60)))
    assert open_sockets() - before == 1
    publisher.close()
