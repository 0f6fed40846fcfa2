"""RabbitMQ as we need it: consumers that never acknowledge another connection's message, and queue declarations.

Dramatiq's consumer keeps only the integer delivery tag of a message. After a reconnect tags restart at 1, so a step that
began before would acknowledge a different message; a consumer that the server cancels would keep its parked messages.
Both are closed here. Acknowledgements of finished messages are sent together, fifty times a second.
"""

import contextlib
import logging
import threading
from collections.abc import Iterator
from functools import partial
from typing import Any

import pika
import pika.exceptions
from dramatiq.brokers.rabbitmq import RabbitmqBroker, _RabbitmqConsumer
from dramatiq.common import xq_name
from dramatiq.errors import ConnectionClosed, DecodeError
from pika.adapters.blocking_connection import BlockingChannel

ACKNOWLEDGE_EVERY_S = 0.02
ACKNOWLEDGE_AT = 32
DEAD_MESSAGE_TTL_MS = 7 * 24 * 3600 * 1000


class Unreadable(logging.Filter):
    """Says in one line why a message cannot be read, where Dramatiq logs a stack trace for each."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Changes the record; never drops one."""
        error = record.exc_info[1] if record.exc_info else None
        if isinstance(error, DecodeError):
            record.msg, record.args, record.exc_info = "a message cannot be read: %s", (error.error,), None
            record.levelno, record.levelname = logging.WARNING, "WARNING"
        return True


UNREADABLE = Unreadable()


class SafeConsumer(_RabbitmqConsumer):
    """Stamps each message with itself and ignores acknowledgements of messages that another consumer received."""

    def __init__(self, *args: Any) -> None:
        super().__init__(*args)  # type: ignore[no-untyped-call]
        self.logger.addFilter(UNREADABLE)
        self._finished: list[int] = []
        self._watching = False
        self._lock = threading.Lock()

    def __next__(self) -> Any:
        self._watch()
        try:
            message = super().__next__()  # type: ignore[no-untyped-call]
        except StopIteration:
            raise ConnectionClosed(Exception("the server canceled the consumer")) from None
        if message is None:
            return None
        message.consumer, message.held = self, False
        if message.queue_name != self.queue_name:
            # Dramatiq would hand it back to a consumer that may not exist, and lose the thread that does.
            self.nack(message)
            return None
        return message

    def ack(self, message: Any) -> None:
        """What Dramatiq calls when the actor has returned: a message that is held is settled later."""
        if not getattr(message, "held", False):
            self.settle(message)

    def settle(self, message: Any) -> None:
        """Acknowledge within `ACKNOWLEDGE_EVERY_S`; a second time, or after a reconnect, does nothing."""
        if getattr(message, "consumer", None) is not self:
            return
        with self._lock:
            if message._tag not in self.known_tags:
                return
            self.known_tags.discard(message._tag)
            self._finished.append(message._tag)
            full = len(self._finished) == ACKNOWLEDGE_AT
        if full:
            self._later(self._send_acks)

    def nack(self, message: Any) -> None:
        """Reject: the message goes to the dead-letter queue."""
        if getattr(message, "consumer", None) is self:
            self._nack(message._tag)

    def _nack(self, tag: int) -> None:
        with self._lock:
            self.known_tags.add(tag)
        self._later(partial(self._send_nack, tag))

    def _later(self, callback: Any) -> None:
        # A connection that is gone has already given its messages back.
        with contextlib.suppress(Exception):
            self.connection.add_callback_threadsafe(callback)

    # -- in the consumer's thread ---------------------------------------------------------------------------------

    def _watch(self) -> None:
        """Look for finished messages soon, as long as any are out. Waking the thread for each would cost more."""
        if not self._watching and (self.known_tags or self._finished):
            self._watching = True
            self.connection.call_later(ACKNOWLEDGE_EVERY_S, self._tick)

    def _tick(self) -> None:
        self._watching = False
        self._send_acks()
        self._watch()

    def _send_acks(self) -> None:
        with self._lock:
            if not self._finished:
                return
            tags, self._finished = sorted(self._finished), []
            lowest_open = min(self.known_tags, default=tags[-1] + 1)
        settled = [tag for tag in tags if tag < lowest_open]
        if settled:
            self.channel.basic_ack(settled[-1], multiple=True)
        for tag in tags[len(settled) :]:
            self.channel.basic_ack(tag)

    def _send_nack(self, tag: int) -> None:
        with self._lock:
            self.known_tags.discard(tag)
        self.channel.basic_nack(tag, requeue=False)


class FlowversalRabbitmqBroker(RabbitmqBroker):
    """Dramatiq's broker with safe consumers and without delay queues: timers live in Postgres."""

    @property
    def consumer_class(self) -> type[SafeConsumer]:
        """The consumer to use."""
        return SafeConsumer

    def declare_queue(self, queue_name: str, *, ensure: bool = False) -> None:
        """Declare a queue and its dead-letter queue; no delay queue, so that nobody consumes one."""
        if queue_name not in self.queues:
            self.emit_before("declare_queue", queue_name)
            self.queues.add(queue_name)
            self.queues_pending.add(queue_name)
            self.emit_after("declare_queue", queue_name)
        if ensure:
            self._ensure_queue(queue_name)  # type: ignore[no-untyped-call]

    def _declare_dq_queue(self, queue_name: str) -> None:
        """There are no delayed messages."""


def amqp_parameters(url: str) -> list[pika.URLParameters]:
    """Connection parameters for each `;`-separated URL, with limits: nothing may block for ever."""
    return [_parameters(part) for part in url.split(";") if part]


def _parameters(url: str) -> pika.URLParameters:
    parameters = pika.URLParameters(url)
    parameters.heartbeat = 30
    parameters.blocked_connection_timeout = 5
    parameters.connection_attempts = 1
    parameters.socket_timeout = 3
    parameters.stack_timeout = 5
    return parameters


def queue_arguments(queue_name: str) -> dict[str, Any]:
    """The arguments of a queue, as Dramatiq declares it: consumer and publisher must agree."""
    return {"x-dead-letter-exchange": "", "x-dead-letter-routing-key": xq_name(queue_name)}


@contextlib.contextmanager
def rabbitmq_channel(url: str) -> Iterator[BlockingChannel]:
    """A channel for a moment. Raises pika's AMQPError or OSError when RabbitMQ does not answer."""
    connection = pika.BlockingConnection(amqp_parameters(url))
    try:
        yield connection.channel()
    finally:
        with contextlib.suppress(pika.exceptions.AMQPError):
            connection.close()


def rabbitmq_depths(url: str, names: list[str]) -> dict[str, int] | None:
    """Ready messages of each queue, creating those that are missing; None while RabbitMQ does not answer."""
    try:
        with rabbitmq_channel(url) as channel:
            return {name: _depth(channel, name) for name in names}
    except (pika.exceptions.AMQPError, OSError):
        return None


def _depth(channel: BlockingChannel, name: str) -> int:
    declared = channel.queue_declare(queue=name, durable=True, arguments=queue_arguments(name))
    count: int = declared.method.message_count
    return count
