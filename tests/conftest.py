"""The fixtures every test may use: real servers, started at the first use."""

from tests.servers.folder import server_folder
from tests.servers.model import session_model
from tests.servers.postgres import (
    database_url,
    durable_postgres,
    empty_database_url,
    postgres,
    session_postgres,
    template_database,
)
from tests.servers.rabbitmq import amqp_url, rabbitmq, session_rabbitmq
from tests.servers.valkey import redis_url, session_valkey, valkey

__all__ = [
    "amqp_url",
    "database_url",
    "durable_postgres",
    "empty_database_url",
    "postgres",
    "rabbitmq",
    "redis_url",
    "server_folder",
    "session_model",
    "session_postgres",
    "session_rabbitmq",
    "session_valkey",
    "template_database",
    "valkey",
]
