"""Messages that workers rejected: the broker keeps them in dead-letter queues until they are stored."""

from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from hashlib import sha256

import orjson
import pika.exceptions
import redis
from dramatiq.common import xq_name
from pika.adapters.blocking_connection import BlockingChannel

from shared.broker import NAMESPACE, is_rabbitmq
from shared.domain.messages import Rejected, problem_of, shown
from shared.rabbitmq import DEAD_MESSAGE_TTL_MS, rabbitmq_channel

LIMIT = 100


Store = Callable[[Sequence[Rejected]], None]
"""Stores messages for good: the broker forgets them when it returns. The same ones may come again after a crash."""


def take_rejected(url: str, queues: Sequence[str], store: Store) -> int | None:
    """Move rejected messages of these queues from the broker to `store`, at most 100 a queue; returns how many.

    None while the broker does not answer. Raises what `store` raises; then the broker keeps them.
    """
    take = _take_from_rabbitmq if is_rabbitmq(url) else _take_from_redis
    try:
        return take(url, queues, store)
    except (pika.exceptions.AMQPError, redis.RedisError, OSError):
        return None


def reason_of(body: bytes, queue: str) -> str:
    """What is wrong with a message that was rejected from a queue."""
    try:
        message = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        return f"not JSON: {error}"
    problem = problem_of(message)
    if problem is not None:
        return problem
    if message["queue_name"] != queue:
        return f"meant for another queue, {message['queue_name'][:100]!r}"
    return "a worker rejected it"


def _rejected(body: bytes, origin: str, queue: str, at: datetime) -> Rejected:
    return Rejected(origin, queue, at, reason_of(body, queue), shown(body), len(body))


def _take_from_rabbitmq(url: str, queues: Sequence[str], store: Store) -> int:
    taken = 0
    with rabbitmq_channel(url) as channel:
        for queue in queues:
            name = xq_name(queue)
            declared = channel.queue_declare(name, durable=True, arguments={"x-message-ttl": DEAD_MESSAGE_TTL_MS})
            found = _get(channel, name, queue, min(LIMIT, declared.method.message_count))
            if found:
                store([message for _, message in found])
                channel.basic_ack(found[-1][0], multiple=True)
            taken += len(found)
    return taken


def _get(channel: BlockingChannel, name: str, queue: str, most: int) -> list[tuple[int, Rejected]]:
    """At most so many messages with their tags. The same bytes rejected within one second count as one message."""
    found = []
    for _ in range(most):
        method, properties, body = channel.basic_get(name)
        if method is None or properties is None or body is None:
            break
        deaths = (properties.headers or {}).get("x-death") or [{}]
        at = deaths[0].get("time") or datetime.now(UTC)
        at = at if at.tzinfo is not None else at.replace(tzinfo=UTC)
        origin = f"{queue} {at:%Y%m%d%H%M%S} {sha256(body).hexdigest()}"
        found.append((method.delivery_tag, _rejected(body, origin, queue, at)))
    return found


def _take_from_redis(url: str, queues: Sequence[str], store: Store) -> int:
    taken = 0
    with redis.Redis.from_url(url, socket_timeout=3, socket_connect_timeout=3) as client:
        for queue in queues:
            ids, bodies = f"{NAMESPACE}:{xq_name(queue)}", f"{NAMESPACE}:{xq_name(queue)}.msgs"
            dead = client.zrange(ids, 0, LIMIT - 1, withscores=True)
            if not dead:
                continue
            stored = client.hmget(bodies, [id for id, _ in dead])
            found = [
                _rejected(body, f"{queue} {id.decode('utf-8', 'backslashreplace')}", queue, _moment(ms))
                for (id, ms), body in zip(dead, stored, strict=True)
                if body is not None
            ]
            store(found)
            with client.pipeline(transaction=True) as pipeline:
                pipeline.zrem(ids, *[id for id, _ in dead])
                pipeline.hdel(bodies, *[id for id, _ in dead])
                pipeline.execute()
            taken += len(found)
    return taken


def _moment(ms: float) -> datetime:
    return datetime.fromtimestamp(ms / 1000, UTC)
