"""One publisher per process: any thread hands it steps, one thread owns the connection to the broker.

Nothing here raises or blocks: a message is a hint. One that could not be sent is kept for a minute and follows when the
broker is back; whatever is lost beyond that the sweeper sends.
"""

import threading
from collections import deque
from collections.abc import Sequence
from functools import partial
from typing import Any, Protocol

import pika
import pika.exceptions
from dramatiq.common import xq_name
from pika.adapters.select_connection import SelectConnection

from shared.broker import StepRef, is_rabbitmq, message_of, queue_name
from shared.log import get_logger
from shared.published import Published, count, done
from shared.rabbitmq import DEAD_MESSAGE_TTL_MS, amqp_parameters, queue_arguments
from shared.redis_publisher import RedisPublisher
from shared.unsent import Unsent

MAX_WAITING = 20_000
_RECONNECT_S = (0.1, 0.2, 0.5)
_log = get_logger(__name__)

_Asked = tuple[Sequence[StepRef], Published]


class Publisher(Protocol):
    """Hands messages to the broker."""

    connected: bool
    """Whether it can take messages now."""
    outages: int
    """How often it lost the broker: what it was sending then may be lost."""

    def publish(self, refs: Sequence[StepRef]) -> Published:
        """A future: True when the broker has all messages, False when it does not (they follow when it is back)."""

    def close(self) -> None:
        """Send what is waiting for at most a few seconds, then stop."""


def make_publisher(broker_url: str) -> Publisher:
    """The publisher for a broker URL. It connects in its own thread, and goes on trying."""
    return RabbitmqPublisher(broker_url) if is_rabbitmq(broker_url) else RedisPublisher(broker_url)


class RabbitmqPublisher:
    """Publishes with confirms, many in flight on one channel (one at a time costs a round trip each)."""

    def __init__(self, url: str) -> None:
        self._parameters = amqp_parameters(url)
        self._waiting: deque[_Asked] = deque()
        self._unconfirmed: dict[int, tuple[StepRef, list[int], Published]] = {}
        self._unsent = Unsent()
        self._declared: set[str] = set()
        self._channel: Any = None
        self._connection: SelectConnection | None = None
        self.connected = False
        self.outages = 0
        # Whoever hands in the very first messages hears when they are sent; after a loss nobody waits for that.
        self._opening = True
        self._closing = False
        self._next_tag = 1
        self._lock = threading.Lock()
        self._closed = threading.Event()
        self._thread = threading.Thread(target=self._run, name="publisher", daemon=True)
        self._thread.start()

    def publish(self, refs: Sequence[StepRef]) -> Published:
        """See Publisher."""
        if not refs:
            return done(result=True)
        future = Published()
        with self._lock:
            if not (self.connected or self._opening):
                self._unsent.keep(refs)
                return done(result=False)
            if len(self._waiting) >= MAX_WAITING:
                count(len(refs), "failed")
                return done(result=False)
            first = not self._waiting
            self._waiting.append((refs, future))
        connection = self._connection
        if first and connection is not None:
            connection.ioloop.add_callback_threadsafe(self._drain)
        return future

    def close(self) -> None:
        """See Publisher."""
        self._closing = True
        connection = self._connection
        self._closed.set()
        if connection is not None:
            connection.ioloop.add_callback_threadsafe(self._close_connection)
        self._thread.join(timeout=3)

    def _close_connection(self) -> None:
        connection = self._connection
        if connection is not None and connection.is_open:
            connection.close()
        elif connection is not None:
            connection.ioloop.stop()

    # -- the connection's own thread ------------------------------------------------------------------------------

    def _run(self) -> None:
        failures = 0
        while not self._closing:
            for parameters in self._parameters:
                was_ready = self._serve(parameters)
                failures = 0 if was_ready else failures + 1
                if self._closing:
                    break
                self._closed.wait(_RECONNECT_S[min(failures, len(_RECONNECT_S) - 1)])

    def _serve(self, parameters: pika.URLParameters) -> bool:
        """Open, publish until the connection ends, clean up; True if it had been usable."""
        opened: list[bool] = []
        connection: SelectConnection | None = None
        try:
            connection = SelectConnection(
                parameters,
                on_open_callback=lambda c: c.channel(on_open_callback=partial(self._on_channel, opened)),
                on_open_error_callback=lambda c, _error: c.ioloop.stop(),
                on_close_callback=lambda c, _reason: c.ioloop.stop(),
            )
            self._connection = connection
            connection.ioloop.start()
        except (pika.exceptions.AMQPError, OSError) as error:
            _log.debug("the publisher's connection failed", error=str(error))
        except Exception:  # noqa: BLE001 - the thread must live, whatever it was
            _log.exception("the publisher's connection failed in a way it should not")
        finally:
            if connection is not None:
                connection.ioloop.close()
            self._lose()
        return bool(opened)

    def _on_channel(self, opened: list[bool], channel: Any) -> None:
        channel.confirm_delivery(ack_nack_callback=self._on_confirm)
        channel.add_on_return_callback(self._on_return)
        channel.add_on_close_callback(self._on_channel_closed)
        self._channel, self._next_tag = channel, 1
        opened.append(True)
        with self._lock:
            self.connected = True
            self._waiting.extendleft(([ref], Published()) for ref in reversed(self._unsent.take()))
        self._drain()

    def _on_channel_closed(self, channel: Any, reason: Exception) -> None:
        """The server closed the channel (a queue with other arguments, no permission): begin again from the start."""
        if channel.connection.is_open:
            _log.warning("the broker closed the channel", reason=str(reason))
            # One of these is why; sent again, they would close the next channel too.
            self._give_up_unconfirmed()
            channel.connection.close()

    def _lose(self) -> None:
        """The connection is gone: nothing in flight is known to have arrived, so it is sent again."""
        with self._lock:
            self.outages += self.connected
            self.connected = self._opening = False
            waiting, self._waiting = list(self._waiting), deque()
        self._connection = self._channel = None
        self._declared.clear()
        unconfirmed, self._unconfirmed = self._unconfirmed, {}
        self._unsent.keep([ref for ref, _, _ in unconfirmed.values()] + [ref for refs, _ in waiting for ref in refs])
        for future in [future for _, _, future in unconfirmed.values()] + [future for _, future in waiting]:
            if not future.done():
                future.set_result(False)

    def _give_up_unconfirmed(self) -> None:
        for tag in list(self._unconfirmed):
            self._confirm(tag, acked=False)

    def _drain(self) -> None:
        while True:
            with self._lock:
                if not self._waiting or self._channel is None or not self._channel.is_open:
                    return
                refs, future = self._waiting.popleft()
            left = [len(refs)]
            for ref in refs:
                self._send(ref, left, future)

    def _send(self, ref: StepRef, left: list[int], future: Published) -> None:
        name = queue_name(ref.pool, ref.priority)
        if name not in self._declared:
            self._declare(name)
        self._unconfirmed[self._next_tag] = (ref, left, future)
        self._next_tag += 1
        self._channel.basic_publish(
            exchange="",
            routing_key=name,
            body=message_of(ref).encode(),
            properties=pika.BasicProperties(delivery_mode=2),
            mandatory=True,
        )

    def _declare(self, name: str) -> None:
        """Both queues, before the first message: AMQP keeps the order within a channel."""
        self._declared.add(name)
        self._channel.queue_declare(queue=name, durable=True, arguments=queue_arguments(name))
        self._channel.queue_declare(queue=xq_name(name), durable=True, arguments={"x-message-ttl": DEAD_MESSAGE_TTL_MS})

    def _on_return(self, _channel: Any, method: Any, _properties: Any, _body: bytes) -> None:
        """The queue was deleted: declare it again before the next message; this one is the sweeper's."""
        self._declared.discard(method.routing_key)

    def _on_confirm(self, frame: Any) -> None:
        tag, acked = frame.method.delivery_tag, type(frame.method).__name__ == "Ack"
        if frame.method.multiple:
            for known in [known for known in self._unconfirmed if known <= tag]:
                self._confirm(known, acked=acked)
        else:
            self._confirm(tag, acked=acked)

    def _confirm(self, tag: int, *, acked: bool) -> None:
        entry = self._unconfirmed.pop(tag, None)
        if entry is None:
            return
        _, left, future = entry
        count(1, "ok" if acked else "failed")
        left[0] -= 1
        if not future.done() and (left[0] == 0 or not acked):
            future.set_result(acked)
