"""The broker edge: queues, messages and who publishes them. A message is a hint of ids only: look at this step."""

from typing import NamedTuple
from urllib.parse import urlsplit
from uuid import UUID

import dramatiq
import orjson
import redis
from dramatiq.encoder import Encoder, MessageData
from dramatiq.message import Message
from dramatiq.middleware import Middleware

from shared.domain.messages import ACTOR, problem_of
from shared.rabbitmq import FlowversalRabbitmqBroker, amqp_parameters, rabbitmq_depths
from shared.redis_broker import FlowversalRedisBroker

PRIORITIES = ("low", "normal", "high")
NAMESPACE = "flowversal"


class StepRef(NamedTuple):
    """A step to look at."""

    execution_id: UUID
    node: str
    item: str
    pool: str
    priority: int = 1


class JsonEncoder(Encoder):
    """Dramatiq's messages as JSON, by orjson."""

    def encode(self, data: MessageData) -> bytes:
        """Bytes of a message."""
        return orjson.dumps(data)

    def decode(self, data: bytes) -> MessageData:
        """The message of these bytes; raises ValueError, which our consumers dead-letter, for all but the hint at a step."""
        message: MessageData = orjson.loads(data)
        problem = problem_of(message)
        if problem is not None:
            raise ValueError(problem)
        return message


def queue_name(pool: str, priority: int) -> str:
    """`flowversal.<pool>.<high|normal|low>.v1`. The version changes whenever a queue's arguments do."""
    return f"flowversal.{pool}.{PRIORITIES[priority]}.v1"


def queue_names(pool: str) -> list[str]:
    """The queues of one pool, the most urgent first."""
    return [queue_name(pool, priority) for priority in (2, 1, 0)]


def message_of(ref: StepRef) -> Message[None]:
    """The message of a step. Its id is derived, so that a doubled message is seen as one in logs."""
    args = (ref.execution_id.hex, ref.node, ref.item)
    return Message(
        queue_name=queue_name(ref.pool, ref.priority),
        actor_name=ACTOR,
        args=args,
        kwargs={},
        options={},
        message_id=":".join(args),
    )


def is_rabbitmq(url: str) -> bool:
    """Whether a broker URL names RabbitMQ; raises ValueError for a scheme that is neither RabbitMQ nor Redis."""
    scheme = urlsplit(url).scheme
    if scheme in ("amqp", "amqps"):
        return True
    if scheme in ("redis", "rediss"):
        return False
    raise ValueError(f"BROKER_URL must begin with amqp://, amqps://, redis:// or rediss://, not {scheme!r}.")


def make_broker(url: str, middleware: list[Middleware] | None = None) -> dramatiq.Broker:
    """Dramatiq's broker for a URL; connects to nothing yet. Retries, time limits and delays are off: ours are in Postgres."""
    dramatiq.set_encoder(JsonEncoder())
    if is_rabbitmq(url):
        broker = FlowversalRabbitmqBroker(url=url, confirm_delivery=True, middleware=middleware or [])
        broker.parameters = amqp_parameters(url)
        return broker
    with_limits = url + ("&" if urlsplit(url).query else "?") + "socket_timeout=10&socket_connect_timeout=3"
    return FlowversalRedisBroker(  # type: ignore[no-untyped-call]
        url=with_limits, middleware=middleware or [], namespace=NAMESPACE
    )


def queue_depths(url: str, names: list[str]) -> dict[str, int] | None:
    """Messages that wait in each queue (0 where it does not exist yet); None while the broker does not answer."""
    if is_rabbitmq(url):
        return rabbitmq_depths(url, names)
    try:
        with redis.Redis.from_url(url, socket_timeout=3, socket_connect_timeout=3) as client:
            return {name: int(client.llen(f"{NAMESPACE}:{name}")) for name in names}
    except redis.RedisError:
        return None
