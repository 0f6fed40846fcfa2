"""A thief at the queues: it takes messages like a worker, and drops, doubles, delays and reorders them."""

import time
from abc import abstractmethod
from collections.abc import Callable
from typing import Any, ClassVar

import orjson
import pika
import redis

from shared.broker import queue_names
from tests.chaos.faults.base import Fault

QUEUES = queue_names("default")
Put = Callable[[bytes], None]


class RabbitMQQueue:
    """The queue of normal priority, as one consumer among others."""

    def __init__(self, url: str) -> None:
        self._channel = pika.BlockingConnection(pika.URLParameters(url)).channel()
        self._channel.basic_qos(prefetch_count=50)

    def take(self, seconds: float) -> list[bytes]:
        """What it got within that time; nobody else gets it."""
        until, taken = time.monotonic() + seconds, []
        for method, _, body in self._channel.consume(QUEUES[1], inactivity_timeout=0.05):
            if method is not None:
                self._channel.basic_ack(method.delivery_tag)
                taken.append(body)
            if time.monotonic() > until:
                break
        return taken

    def put(self, body: bytes) -> None:
        """Send a message."""
        properties = pika.BasicProperties(delivery_mode=2)
        self._channel.basic_publish("", QUEUES[1], body, properties)

    def close(self) -> None:
        """Stop consuming."""
        self._channel.connection.close()


class RedisQueue:
    """The same over Dramatiq's lists in Redis."""

    def __init__(self, url: str) -> None:
        self._client: Any = redis.Redis.from_url(url)
        self._list = f"flowversal:{QUEUES[1]}"
        self._count = 0

    def take(self, seconds: float) -> list[bytes]:
        """What it got within that time; nobody else gets it."""
        until, taken = time.monotonic() + seconds, []
        while time.monotonic() < until:
            id = self._client.lpop(self._list)
            body = self._client.hget(f"{self._list}.msgs", id) if id else None
            if body is None:
                time.sleep(0.002)
                continue
            self._client.hdel(f"{self._list}.msgs", id)
            taken.append(body)
        return taken

    def put(self, body: bytes) -> None:
        """Send a message, under an id of its own."""
        self._count += 1
        message = orjson.loads(body)
        id = message["options"]["redis_message_id"] = f"thief-{time.monotonic_ns()}-{self._count}"
        self._client.hset(f"{self._list}.msgs", id, orjson.dumps(message))
        self._client.rpush(self._list, id)

    def close(self) -> None:
        """Hang up."""
        self._client.close()


class _Thief(Fault):
    rounds: ClassVar[int] = 8

    def inject(self) -> None:
        rabbitmq = self.world.rabbitmq
        queue = RedisQueue(self.world.broker_url) if rabbitmq is None else RabbitMQQueue(self.world.broker_url)
        for _ in range(self.rounds):
            self.treat(queue.take(0.4), queue.put)
        self.finish(queue.put)
        queue.close()

    @abstractmethod
    def treat(self, taken: list[bytes], put: Put) -> None:
        """Do what it does with what it took."""

    def finish(self, put: Put) -> None:
        """Give back what it still holds."""


class MessagesDropped(_Thief):
    """What it takes is gone."""

    name = "messages: dropped"

    def treat(self, taken: list[bytes], put: Put) -> None:
        """Nothing."""


class MessagesDoubled(_Thief):
    """What it takes comes three times, at once and later."""

    name = "messages: doubled"

    def __init__(self, *args: Any) -> None:
        super().__init__(*args)
        self._held: list[bytes] = []

    def treat(self, taken: list[bytes], put: Put) -> None:
        for body in (*taken, *taken):
            put(body)
        self._held += taken

    def finish(self, put: Put) -> None:
        for body in self._held:
            put(body)


class MessagesDelayed(_Thief):
    """What it takes comes late, in another order, and after the sweeper has sent it again."""

    name = "messages: delayed and reordered"

    def __init__(self, *args: Any) -> None:
        super().__init__(*args)
        self._held: list[bytes] = []

    def treat(self, taken: list[bytes], put: Put) -> None:
        self._held += taken
        self.random.shuffle(self._held)
        give, self._held = self._held[: len(self._held) // 3], self._held[len(self._held) // 3 :]
        for body in give:
            put(body)

    def finish(self, put: Put) -> None:
        for body in self._held:
            put(body)
