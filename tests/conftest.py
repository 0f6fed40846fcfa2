"""The fixtures every test may use: real servers, started at the first use."""

import threading
from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, settings

from tests.servers.folder import disk_folder, server_folder
from tests.servers.mariadb import mariadb_database, session_mariadb
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
    "disk_folder",
    "durable_postgres",
    "empty_database_url",
    "mariadb_database",
    "postgres",
    "rabbitmq",
    "redis_url",
    "server_folder",
    "session_mariadb",
    "session_model",
    "session_postgres",
    "session_rabbitmq",
    "session_valkey",
    "template_database",
    "valkey",
]

# How quickly examples are made says something of the machine and its other work, nothing of what is tested.
settings.register_profile("any machine", suppress_health_check=[HealthCheck.too_slow], deadline=None)
settings.load_profile("any machine")

# What sends in the background tries again and again, with random pauses, where its server is gone.
_SENDING = {"publisher", "hints"}


@pytest.fixture(autouse=True)
def nothing_goes_on_sending() -> Iterator[None]:
    """A test ends what it has begun: it would disturb those that come later."""
    before = set(threading.enumerate())
    yield
    left = {thread.name for thread in set(threading.enumerate()) - before if thread.name in _SENDING}
    assert not left, f"not closed: {left}"
