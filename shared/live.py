"""Live hints over Redis: "look again at these executions". A lost hint costs a second, never the truth.

Channel `flowversal:hints`; a message is the hex ids of executions, separated by spaces.
"""

import threading
import time
from collections.abc import Callable
from uuid import UUID

import redis

from shared.log import get_logger

CHANNEL = "flowversal:hints"
FLUSH_S = 0.05
_RECONNECT_S = 1.0
_log = get_logger(__name__)


class HintWriter:
    """Gathers touched executions and publishes them every 50 ms. Never blocks, never raises."""

    def __init__(self, redis_url: str) -> None:
        self._redis = redis.Redis.from_url(redis_url, socket_timeout=2, socket_connect_timeout=1)
        self._pending: set[UUID] = set()
        self._lock = threading.Lock()
        self._wake = threading.Event()
        self._closed = False
        threading.Thread(target=self._run, name="hints", daemon=True).start()

    def touch(self, *execution_ids: UUID) -> None:
        """Say that these executions changed; call it after the commit."""
        with self._lock:
            self._pending.update(execution_ids)
        self._wake.set()

    def close(self) -> None:
        """Send what is left and stop."""
        self._closed = True
        self._wake.set()

    def _run(self) -> None:
        while not self._closed:
            self._wake.wait()
            time.sleep(FLUSH_S)
            self._wake.clear()
            self._flush()

    def _flush(self) -> None:
        with self._lock:
            ids, self._pending = self._pending, set()
        if not ids:
            return
        try:
            self._redis.publish(CHANNEL, " ".join(id.hex for id in ids))
        except redis.RedisError as error:
            _log.debug("hints not sent; pages poll Postgres meanwhile", error=str(error))


class HintReader:
    """Listens in a thread of its own and calls `callback` with the executions that changed.

    `connected` is False while Redis does not answer: read Postgres every second then. The callback also gets an empty
    set after each (re)connect: everything may have changed meanwhile.
    """

    def __init__(self, redis_url: str, callback: Callable[[set[UUID]], None]) -> None:
        self.connected = False
        self._url = redis_url
        self._callback = callback
        self._closed = False
        threading.Thread(target=self._run, name="hint-reader", daemon=True).start()

    def close(self) -> None:
        """Stop within about a second."""
        self._closed = True

    def _run(self) -> None:
        while not self._closed:
            try:
                self._listen()
            except (redis.RedisError, OSError) as error:
                self.connected = False
                _log.debug("no hints from Redis", error=str(error))
                time.sleep(_RECONNECT_S)

    def _listen(self) -> None:
        with redis.Redis.from_url(self._url, socket_timeout=5, socket_connect_timeout=1) as client:
            listener = client.pubsub(ignore_subscribe_messages=True)
            listener.subscribe(CHANNEL)
            self.connected = True
            self._callback(set())
            while not self._closed:
                message = listener.get_message(timeout=1.0)
                if message is not None:
                    self._callback({UUID(hex=text) for text in message["data"].decode().split()})
