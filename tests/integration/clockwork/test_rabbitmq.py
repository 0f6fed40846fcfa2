"""The sweeper against RabbitMQ: an emptied broker gets its messages back, an absent one costs no patience."""

from collections.abc import Iterator
from contextlib import contextmanager

import pika

from services.worker.loops.base import Tools
from services.worker.loops.gauges import Gauges
from services.worker.loops.sweeper import Sweeper
from shared import metrics
from shared.broker import queue_depths, queue_name
from shared.live import HintWriter
from shared.publisher import make_publisher
from shared.settings import Settings
from tests.integration.clockwork.scene import Scene
from tests.integration.clockwork.test_processes import until

QUEUE = queue_name("default", 1)


@contextmanager
def _tools(scene: Scene, broker_url: str) -> Iterator[Tools]:
    settings = Settings(DATABASE_URL=scene.database_url, BROKER_URL=broker_url, REDIS_URL="redis://127.0.0.1:1")
    made = Tools(settings, make_publisher(broker_url), HintWriter(settings.redis_url))
    try:
        yield made
    finally:
        made.publisher.close()
        made.hints.close()


def test_emptied_broker_gets_its_messages_back(scene: Scene, amqp_url: str) -> None:
    refs = [scene.start().ready[0] for _ in range(3)]
    scene.pass_time(6, *refs)
    with _tools(scene, amqp_url) as tools:
        until(lambda: tools.publisher.publish(refs[:1]).result(timeout=5))
        sweeper = Sweeper(tools)
        sweeper.run(scene.connection)
        assert (queue_depths(amqp_url, [QUEUE]) or {})[QUEUE] == 1, "a queue with messages is not refilled"
        scene.connection.execute("UPDATE steps SET due_at = now()")
        _empty(amqp_url)
        sweeper.run(scene.connection)
        until(lambda: (queue_depths(amqp_url, [QUEUE]) or {})[QUEUE] == 3)
        Gauges(tools).run(scene.connection)
        assert metrics.QUEUE_DEPTH.labels(QUEUE)._value.get() == 3
        assert metrics.OLDEST_READY.labels("default")._value.get() > 5


def test_absent_broker_costs_no_patience(scene: Scene) -> None:
    ref = scene.start().ready[0]
    scene.pass_time(6, ref)
    with _tools(scene, "amqp://127.0.0.1:1") as tools:
        Sweeper(tools).run(scene.connection)
    assert scene.step(ref)["republished"] == 0


def _empty(amqp_url: str) -> None:
    with pika.BlockingConnection(pika.URLParameters(amqp_url)) as connection:
        connection.channel().queue_purge(QUEUE)
