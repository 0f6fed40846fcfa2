"""Live hints over Redis: "look again at these executions". A lost hint costs a second, never the truth.

Channel `flowversal:hints`; a message is the hex ids of executions, separated by spaces. While the text of a step grows it is
in a hash of its execution, `flowversal:texts:<hex id>`, and channel `flowversal:texts` says whose did.
"""

import threading
import time
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple, cast
from uuid import UUID

import redis

from shared.domain.outcome import Key
from shared.log import get_logger

CHANNEL = "flowversal:hints"
TEXTS = "flowversal:texts"
MOST_TEXT = 100_000
"""Characters of a growing text that can be watched; the whole is there when the step is over."""
_TEXT_TTL_S = 600
FLUSH_S = 0.05
_RECONNECT_S = 1.0
_log = get_logger(__name__)


class HintWriter:
    """Gathers touched executions and publishes them every 50 ms. Never blocks, never raises."""

    def __init__(self, redis_url: str) -> None:
        self._redis = redis.Redis.from_url(redis_url, socket_timeout=2, socket_connect_timeout=1)
        self._pending: set[UUID] = set()
        self._texts: dict[Key, bytes | None] = {}
        self._lock = threading.Lock()
        self._wake = threading.Event()
        self._closed = False
        self._thread = threading.Thread(target=self._run, name="hints", daemon=True)
        self._thread.start()

    def touch(self, *execution_ids: UUID) -> None:
        """Say that these executions changed; call it after the commit."""
        with self._lock:
            self._pending.update(execution_ids)
        self._wake.set()

    def show_text(self, step: Key, attempt: int, text: str) -> None:
        """What the text of a running step is by now: all of it."""
        with self._lock:
            self._texts[step] = b"%d %b" % (attempt, text.encode("utf-8", "replace"))
        self._wake.set()

    def forget_text(self, step: Key) -> None:
        """The step is over."""
        with self._lock:
            self._texts[step] = None
        self._wake.set()

    def close(self) -> None:
        """Send what is left and stop; a Redis that is away gets three seconds."""
        self._closed = True
        self._wake.set()
        self._thread.join(timeout=3)

    def _run(self) -> None:
        while not self._closed:
            self._wake.wait()
            time.sleep(FLUSH_S)
            self._wake.clear()
            self._flush()

    def _flush(self) -> None:
        with self._lock:
            ids, self._pending = self._pending, set()
            texts, self._texts = self._texts, {}
        if not ids and not texts:
            return
        try:
            with self._redis.pipeline(transaction=False) as pipeline:
                _send_texts(pipeline, texts)
                if ids:
                    pipeline.publish(CHANNEL, " ".join(id.hex for id in ids))
                pipeline.execute()
        except redis.RedisError as error:
            _log.debug("hints not sent; pages poll Postgres meanwhile", error=str(error))


def _send_texts(pipeline: "redis.client.Pipeline", texts: dict[Key, bytes | None]) -> None:
    for (execution_id, node, item), text in texts.items():
        key, field = f"{TEXTS}:{execution_id.hex}", f"{node} {item}"
        if text is None:
            pipeline.hdel(key, field)
        else:
            pipeline.hset(key, field, text)
            pipeline.expire(key, _TEXT_TTL_S)
            pipeline.publish(TEXTS, execution_id.hex)


class GrowingText(NamedTuple):
    """What an attempt of a step has of its text so far."""

    attempt: int
    text: str


class TextReader:
    """Reads the growing texts of steps. Connects at the first use; while Redis is away there are none."""

    def __init__(self, redis_url: str) -> None:
        self._redis = redis.Redis.from_url(redis_url, socket_timeout=1, socket_connect_timeout=0.5)

    def of(self, execution_id: UUID, steps: Sequence[tuple[str, str]]) -> dict[tuple[str, str], GrowingText]:
        """The texts of these steps (node, item), of those that have one."""
        if not steps:
            return {}
        try:
            found = self._redis.hmget(f"{TEXTS}:{execution_id.hex}", [f"{node} {item}" for node, item in steps])
        except redis.RedisError as error:
            _log.debug("no texts from Redis", error=str(error))
            return {}
        return {step: _growing(raw) for step, raw in zip(steps, cast("list[Any]", found), strict=True) if raw}


def _growing(raw: bytes) -> GrowingText:
    attempt, _, text = raw.partition(b" ")
    return GrowingText(int(attempt), text.decode("utf-8", "replace"))


class HintReader:
    """Listens in a thread of its own and calls `callback` with the executions that changed, `on_text` with those of which a
    text has grown.

    `connected` is False while Redis does not answer: read Postgres every second then. The callback also gets an empty
    set after each (re)connect: everything may have changed meanwhile.
    """

    def __init__(
        self,
        redis_url: str,
        callback: Callable[[set[UUID]], None],
        on_text: Callable[[UUID], None] = lambda _: None,
    ) -> None:
        self.connected = False
        self._url = redis_url
        self._callback = callback
        self._on_text = on_text
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
            listener.subscribe(CHANNEL, TEXTS)
            self.connected = True
            self._callback(set())
            while not self._closed:
                message = listener.get_message(timeout=1.0)
                if message is None:
                    continue
                changed = {UUID(hex=text) for text in message["data"].decode().split()}
                if message["channel"].decode() == TEXTS:
                    for execution_id in changed:
                        self._on_text(execution_id)
                else:
                    self._callback(changed)
