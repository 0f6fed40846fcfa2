"""Valkey: one server a session, emptied before every test."""

from collections.abc import Iterator

import pytest
import redis

from services.standalone.servers.valkey import Valkey
from tests.servers.folder import ServerFolder

READY_S = 20.0


@pytest.fixture(scope="session")
def session_valkey(server_folder: ServerFolder) -> Iterator[Valkey]:
    """The session's server; it keeps its content over a stop, as the broker's queues need."""
    server = Valkey(server_folder.make("valkey"), server_folder.log("valkey"), server_folder.user, persistent=True)
    server.start()
    server.wait_ready(READY_S)
    yield server
    server.stop()


@pytest.fixture
def valkey(session_valkey: Valkey) -> Iterator[Valkey]:
    """The session's server for a test that stops or kills it; afterwards it runs again."""
    yield session_valkey
    if not session_valkey.is_ready():
        session_valkey.start()
        session_valkey.wait_ready(READY_S)


@pytest.fixture
def redis_url(valkey: Valkey) -> str:
    """The URL of an empty server."""
    with redis.Redis.from_url(valkey.url) as client:
        client.flushall()
    return valkey.url
