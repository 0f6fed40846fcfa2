"""Dramatiq's RedisBroker with consumers that outlive any message: what cannot be read goes to the dead-letter queue.

Dramatiq's own consumer raises at such a message: its thread restarts after three seconds, what it had fetched meanwhile is
forgotten, and the message itself stays among those that are being processed for ever.
"""

from typing import Any

import dramatiq
from dramatiq.brokers.redis import RedisBroker, _RedisConsumer
from dramatiq.errors import DecodeError

from shared.log import get_logger

_ID = "redis_message_id"
_log = get_logger(__name__)


class SafeRedisConsumer(_RedisConsumer):
    """Rejects what cannot be decoded, has lost its own id, or was meant for another queue."""

    def __next__(self) -> Any:
        try:
            message = super().__next__()  # type: ignore[no-untyped-call]
        except DecodeError as error:
            _log.warning("a message cannot be read", queue=self.queue_name, reason=str(error.error))
            self._reject_unreadable()
            return None
        if message is None or (message.queue_name == self.queue_name and _ID in message.options):
            return message
        _log.warning("a message was meant for another queue", queue=self.queue_name, meant=message.queue_name)
        if _ID in message.options:
            self.nack(message)  # type: ignore[no-untyped-call]
        else:
            self.queued_message_ids.discard(message.message_id)
            self._reject_unreadable()
        return None

    def _reject_unreadable(self) -> None:
        """Reject every message among those that this consumer has fetched that does not say its own id.

        The bytes alone came from the server; their id is found among the ids that are being processed, a few.
        """
        broker = self.broker
        fetched = f"{broker.namespace}:__acks__.{broker.broker_id}.{self.queue_name}"
        ids = list(broker.client.smembers(fetched))
        bodies = broker.client.hmget(f"{broker.namespace}:{self.queue_name}.msgs", ids) if ids else []
        for id, body in zip(ids, bodies, strict=True):
            if body is not None and _own_id(body) != id.decode("utf-8", "surrogateescape"):
                broker.do_nack(self.queue_name, id)


def _own_id(body: bytes) -> str | None:
    """The id under which a message says it is stored; None for one that cannot be read."""
    try:
        found: str | None = dramatiq.Message.decode(body).options.get(_ID)
    except DecodeError:
        return None
    return found


class FlowversalRedisBroker(RedisBroker):
    """Dramatiq's broker with safe consumers."""

    @property
    def consumer_class(self) -> type[SafeRedisConsumer]:
        """The consumer to use."""
        return SafeRedisConsumer
