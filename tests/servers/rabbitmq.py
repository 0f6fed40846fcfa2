"""RabbitMQ: one private node a session, a virtual host of its own for every test."""

import base64
import itertools
import os
import urllib.request
from collections.abc import Iterator

import pytest

from services.standalone.servers.rabbitmq import USER, RabbitMQ, can_use
from tests.servers.folder import ServerFolder

READY_S = 90.0
HTTP_S = 20.0
_numbers = itertools.count(1)


def ask(node: RabbitMQ, method: str, path: str, body: bytes = b"") -> bytes:
    """One request to the node's HTTP API, `path` below `/api`. Raises urllib's HTTPError when it is refused."""
    request = urllib.request.Request(f"{node.management_url}{path}", data=body or None, method=method)
    secret = base64.b64encode(f"{USER}:{node.password}".encode()).decode()
    request.add_header("Authorization", f"Basic {secret}")
    request.add_header("Content-Type", "application/json")
    with urllib.request.urlopen(request, timeout=HTTP_S) as answer:
        return bytes(answer.read())


@pytest.fixture(scope="session")
def session_rabbitmq(server_folder: ServerFolder) -> Iterator[RabbitMQ]:
    """The session's node. Without RabbitMQ the test is skipped here and fails where CI is set."""
    if not can_use(server_folder.path):
        message = (
            "rabbitmq-server is not installed: every test over RabbitMQ is missing (apt-get install rabbitmq-server)"
        )
        if os.environ.get("CI"):
            pytest.fail(message)
        pytest.skip(message)
    folder, log = server_folder.make("rabbitmq"), server_folder.log("rabbitmq")
    node = RabbitMQ(folder, log, server_folder.user, management=True)
    node.start()
    node.wait_ready(READY_S)
    yield node
    node.stop()


@pytest.fixture
def rabbitmq(session_rabbitmq: RabbitMQ) -> Iterator[RabbitMQ]:
    """The session's node for a test that stops or kills it; afterwards it runs again."""
    yield session_rabbitmq
    _bring_back(session_rabbitmq)


@pytest.fixture
def amqp_url(rabbitmq: RabbitMQ) -> Iterator[str]:
    """The URL of an empty virtual host, for this test alone."""
    name = f"test-{next(_numbers)}"
    ask(rabbitmq, "PUT", f"/vhosts/{name}")
    ask(rabbitmq, "PUT", f"/permissions/{name}/{USER}", b'{"configure": ".*", "write": ".*", "read": ".*"}')
    yield rabbitmq.url_of(name)
    _bring_back(rabbitmq)
    ask(rabbitmq, "DELETE", f"/vhosts/{name}")


def _bring_back(node: RabbitMQ) -> None:
    if not node.is_ready():
        node.kill()
        node.start()
        node.wait_ready(READY_S)
