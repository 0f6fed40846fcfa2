"""Messages over Dramatiq's Redis broker, for installations without RabbitMQ."""

import threading
from collections import deque
from collections.abc import Sequence

import dramatiq
import redis
from dramatiq.errors import BrokerConnectionError

from shared.broker import StepRef, make_broker, message_of
from shared.log import get_logger
from shared.published import Published, count, done
from shared.unsent import Unsent

MAX_WAITING = 20_000
AGAIN_S = 0.5
_log = get_logger(__name__)


class RedisPublisher:
    """Publishes through Dramatiq's RedisBroker, one message after the other, in a thread of its own."""

    def __init__(self, url: str) -> None:
        self.connected = True
        self.outages = 0
        self._broker: dramatiq.Broker = make_broker(url)
        self._waiting: deque[tuple[Sequence[StepRef], Published]] = deque()
        self._unsent = Unsent()
        self._wake = threading.Event()
        self._closing = False
        self._thread = threading.Thread(target=self._run, name="publisher", daemon=True)
        self._thread.start()

    def publish(self, refs: Sequence[StepRef]) -> Published:
        """See shared.publisher.Publisher."""
        if not refs:
            return done(result=True)
        if len(self._waiting) >= MAX_WAITING:
            count(len(refs), "failed")
            return done(result=False)
        future = Published()
        self._waiting.append((refs, future))
        self._wake.set()
        return future

    def close(self) -> None:
        """See shared.publisher.Publisher."""
        self._closing = True
        self._wake.set()
        self._thread.join(timeout=3)

    def _run(self) -> None:
        while not (self._closing and not self._waiting):
            self._wake.wait(timeout=AGAIN_S if self._unsent else 1.0)
            self._wake.clear()
            self._send_kept()
            while self._waiting:
                refs, future = self._waiting.popleft()
                future.set_result(self._send(refs))

    def _send_kept(self) -> None:
        """Try with one; all of them go, once Redis has taken it."""
        first = self._unsent.first()
        if first is not None and self._is_taken(first):
            self._send([ref for ref in self._unsent.take() if ref != first])

    def _is_taken(self, ref: StepRef) -> bool:
        try:
            self._enqueue(ref)
        except (BrokerConnectionError, redis.RedisError, OSError):
            return False
        count(1, "ok")
        return True

    def _send(self, refs: Sequence[StepRef]) -> bool:
        """Whether Redis has them all; those that it has not are kept."""
        sent = 0
        try:
            for ref in refs:
                self._enqueue(ref)
                sent += 1
        except (BrokerConnectionError, redis.RedisError, OSError) as error:
            if not self._unsent:
                _log.debug("Redis does not take messages; they are kept", error=str(error))
            self._unsent.keep(refs[sent:])
        except Exception:  # noqa: BLE001 - the thread must live, whatever it was
            _log.exception("a message could not be sent")
            count(len(refs) - sent, "failed")
        count(sent, "ok")
        return sent == len(refs)

    def _enqueue(self, ref: StepRef) -> None:
        message = message_of(ref)
        self._broker.declare_queue(message.queue_name)
        self._broker.enqueue(message)
