"""Messages that no worker can read, over RabbitMQ and over Redis: none stops a worker, and each is stored once."""

import json
import threading
from collections.abc import Callable, Sequence
from typing import Any

import pika
import psycopg
import pytest
import redis

from services.worker.loops.base import Tools
from services.worker.loops.rejected import RejectedMessages
from shared.broker import NAMESPACE, is_rabbitmq, message_of, queue_name, queue_names
from shared.db import dead_messages
from shared.db.pool import connect
from shared.domain.messages import Rejected
from shared.live import HintWriter
from shared.publisher import make_publisher
from shared.rabbitmq import queue_arguments
from shared.rejected import take_rejected
from shared.settings import Settings
from tests.integration.transport.conftest import Sink, ref

Work = Callable[..., tuple[Any, Sink]]
QUEUE = queue_name("default", 1)
GOOD = json.loads(message_of(ref()).encode())
BAD = [
    b"\xff\x00 not json",
    b"[]",
    json.dumps(GOOD | {"options": None}).encode(),
    json.dumps(GOOD | {"options": {"eta": "x"}}).encode(),
    json.dumps(GOOD | {"message_id": [1]}).encode(),
    json.dumps(GOOD | {"actor_name": "other"}).encode(),
    json.dumps(GOOD | {"queue_name": "elsewhere"}).encode(),
    json.dumps(GOOD | {"args": ["x"]}).encode(),
    b'{"big": "' + b"x" * 100_000 + b'"}',
]


def send(url: str, bodies: Sequence[bytes]) -> None:
    """Put these bytes into the queue as they are."""
    if is_rabbitmq(url):
        with pika.BlockingConnection(pika.URLParameters(url)) as connection:
            channel = connection.channel()
            channel.queue_declare(QUEUE, durable=True, arguments=queue_arguments(QUEUE))
            for body in bodies:
                channel.basic_publish("", QUEUE, body)
        return
    with redis.Redis.from_url(url) as client:
        for number, body in enumerate(bodies):
            client.hset(f"{NAMESPACE}:{QUEUE}.msgs", f"bad-{number}", body)
            client.rpush(f"{NAMESPACE}:{QUEUE}", f"bad-{number}")


def take_all(url: str, count: int, store: Callable[[Sequence[Rejected]], None]) -> None:
    """Take until so many were taken."""
    taken = 0
    for _ in range(500):
        taken += take_rejected(url, queue_names("default"), store) or 0
        if taken >= count:
            return
        threading.Event().wait(0.02)
    raise AssertionError(f"{taken} of {count}")


def threads() -> list[Any]:
    """Those of Dramatiq."""
    return [each for each in threading.enumerate() if type(each).__name__ in ("ConsumerThread", "WorkerThread")]


def test_no_message_stops_a_worker_and_each_says_what_is_wrong(
    broker_url: str, work: Work, caplog: pytest.LogCaptureFixture
) -> None:
    _, sink = work(broker_url)
    working = threads()
    publisher = make_publisher(broker_url)
    while not publisher.publish([ref("first")]).result(timeout=10):
        pass
    sink.wait(1)
    reading = next(thread for thread in working if getattr(thread, "queue_name", "") == QUEUE)
    consumer = reading.consumer
    send(broker_url, BAD)
    assert publisher.publish([ref("last")]).result(timeout=10)
    sink.wait(2)
    found: list[Rejected] = []
    take_all(broker_url, len(BAD), found.extend)
    assert [node for _, node, _ in sink.seen] == ["first", "last"]
    assert all(thread.is_alive() for thread in working)
    assert reading.consumer is consumer, "it did not begin anew"
    assert {each.queue for each in found} == {QUEUE}
    told = [each for each in caplog.records if each.name.startswith("dramatiq")]
    assert not [each for each in told if each.exc_info], "a line each, no stack traces"
    reasons = " ".join(each.reason for each in found)
    for part in (
        "not JSON",
        "no object",
        "options is of the wrong type",
        "delayed",
        "message_id",
        "unknown actor 'other'",
    ):
        assert part in reasons
    assert "meant for another queue, 'elsewhere'" in reasons
    assert max(each.body_bytes for each in found) > 100_000
    assert max(len(each.body) for each in found) <= 1_000
    assert take_rejected(broker_url, queue_names("default"), found.extend) == 0, "each is taken once"
    publisher.close()


def test_what_was_not_stored_stays_with_the_broker(broker_url: str, work: Work) -> None:
    work(broker_url)
    send(broker_url, BAD[:2])

    def refuse(_: Sequence[Rejected]) -> None:
        raise psycopg.OperationalError

    with pytest.raises(psycopg.OperationalError):
        take_all(broker_url, 1, refuse)
    found: list[Rejected] = []
    take_all(broker_url, 2, found.extend)
    assert len(found) == 2


def test_the_loop_stores_them_once_and_outlives_the_broker(broker_url: str, work: Work, database_url: str) -> None:
    work(broker_url)
    send(broker_url, BAD)
    settings = Settings(DATABASE_URL=database_url, BROKER_URL=broker_url, REDIS_URL="redis://127.0.0.1:1")
    tools = Tools(settings, make_publisher(broker_url), HintWriter(settings.redis_url))
    loop = RejectedMessages(tools)
    with connect(database_url, application_name="test", autocommit=True) as connection:
        for _ in range(500):
            loop.run(connection)
            row = connection.execute("SELECT count(*) FROM dead_messages").fetchone()
            if row == (len(BAD),):
                break
            threading.Event().wait(0.02)
        assert row == (len(BAD),)
        again = Rejected("o", QUEUE, now_of(connection), "r", "b", 1)
        dead_messages.store(connection, [again, again])
        dead_messages.store(connection, [again])
        assert connection.execute("SELECT count(*) FROM dead_messages").fetchone() == (len(BAD) + 1,)
        assert dead_messages.prune(connection, kept=3) == len(BAD) + 1 - 3
        connection.execute("UPDATE dead_messages SET stored_at = now() - interval '91 days'")
        assert dead_messages.prune(connection) == 3
    tools.publisher.close()
    tools.hints.close()
    for url in ("amqp://127.0.0.1:1", "redis://127.0.0.1:1"):
        assert take_rejected(url, [QUEUE], lambda _: None) is None


def now_of(connection: psycopg.Connection[Any]) -> Any:
    row = connection.execute("SELECT now()").fetchone()
    assert row is not None
    return row[0]
