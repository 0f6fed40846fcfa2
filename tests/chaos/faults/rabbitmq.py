"""RabbitMQ is restarted, emptied, and hangs up."""

import base64
import contextlib
import json
import urllib.error
import urllib.request
from typing import Any, ClassVar
from urllib.parse import quote

import pika

from services.standalone.servers.rabbitmq import USER, RabbitMQ
from shared.broker import queue_names
from tests.chaos.faults.base import READY_S, Fault, await_true

QUEUES = queue_names("default")


class _OfRabbitMQ(Fault):
    brokers: ClassVar[tuple[str, ...]] = ("rabbitmq",)

    @property
    def node(self) -> RabbitMQ:
        """The node."""
        assert self.world.rabbitmq is not None
        return self.world.rabbitmq

    def channel(self) -> Any:
        """A channel of a new connection, not through the proxy."""
        return pika.BlockingConnection(pika.URLParameters(self.node.url)).channel()

    def ask(self, method: str, path: str) -> Any:
        """The node's HTTP API."""
        request = urllib.request.Request(f"{self.node.management_url}{path}", method=method)
        secret = base64.b64encode(f"{USER}:{self.node.password}".encode()).decode()
        request.add_header("Authorization", f"Basic {secret}")
        with urllib.request.urlopen(request, timeout=20) as answer:
            return json.loads(answer.read() or b"null")


class RabbitMQRestarted(_OfRabbitMQ):
    """In order: what is in the queues is kept."""

    name = "RabbitMQ: restarted"

    def inject(self) -> None:
        self.node.stop()
        self.for_a_while(0, 2)
        self.node.start()
        self.node.wait_ready(READY_S)


class RabbitMQKilled(_OfRabbitMQ):
    """SIGKILL, and started again."""

    name = "RabbitMQ: SIGKILL"

    def inject(self) -> None:
        self.node.kill()
        self.for_a_while(0, 2)
        self.node.start()
        self.node.wait_ready(READY_S)


class QueuesPurged(_OfRabbitMQ):
    """Every message that no worker has yet is gone, again and again for a while."""

    name = "RabbitMQ: queues emptied"

    def inject(self) -> None:
        channel = self.channel()
        for _ in range(20):
            for name in QUEUES:
                channel.queue_purge(name)
            self.for_a_while(0.02, 0.1)
        channel.connection.close()


class QueuesDeleted(_OfRabbitMQ):
    """The queues themselves are gone, with the consumers on them."""

    name = "RabbitMQ: queues deleted"

    def inject(self) -> None:
        channel = self.channel()
        for name in QUEUES:
            channel.queue_delete(name)
        channel.connection.close()


class ConnectionsClosed(_OfRabbitMQ):
    """An operator closes all connections."""

    name = "RabbitMQ: connections closed"

    def inject(self) -> None:
        # The list of its management lags behind the connections by seconds.
        await_true(lambda: self.ask("GET", "/connections"), READY_S)
        for connection in self.ask("GET", "/connections"):
            with contextlib.suppress(urllib.error.HTTPError):
                self.ask("DELETE", f"/connections/{quote(connection['name'])}")
