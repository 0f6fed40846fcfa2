"""I6: a running call of a server that stalls ends within a second of the cancel, whether or not Redis answers."""

import socket
import threading
from collections.abc import Iterator

import pytest

from shared.engine.cancel import CancelResult, cancel_execution
from tests.e2e.fleet import Fleet, Load, until
from tests.factories import definition, node
from tests.integration.engine.conftest import EngineScene

NOWHERE = "redis://127.0.0.1:1/0"
MOST_S = 1.0


class Stalling:
    """Takes connections and never answers; `gone` is set when one of them was closed by the other side."""

    def __init__(self) -> None:
        self.called, self.gone = threading.Event(), threading.Event()
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._socket.getsockname()[1]}"
        self._thread = threading.Thread(target=self._serve)
        self._thread.start()

    def _serve(self) -> None:
        try:
            connection, _ = self._socket.accept()
            with connection:
                self.called.set()
                while connection.recv(65_536):
                    pass
        except OSError:
            return
        self.gone.set()

    def close(self) -> None:
        """Stop, also where nobody has called."""
        self._socket.shutdown(socket.SHUT_RDWR)
        self._thread.join()
        self._socket.close()


@pytest.fixture
def stalling() -> Iterator[Stalling]:
    server = Stalling()
    yield server
    server.close()


@pytest.mark.parametrize("redis", ["up", "down"])
def test_a_call_of_a_server_that_stalls_ends_within_a_second_of_the_cancel(
    database_url: str, amqp_url: str, request: pytest.FixtureRequest, stalling: Stalling, redis: str
) -> None:
    redis_url = request.getfixturevalue("redis_url") if redis == "up" else NOWHERE
    scene = EngineScene(database_url)
    scene.use(definition(node("call", "http.request", {"url": stalling.url, "timeoutMs": 60_000})))
    # The product's own heartbeat: if the cancel went with it, it would take five seconds.
    fleet = Fleet(database_url, amqp_url, redis_url, FLOWVERSAL_LEASE_S="15", FLOWVERSAL_HEARTBEAT_S="5")
    load = Load(scene, amqp_url)
    try:
        id = load.start({})
        assert stalling.called.wait(60)
        assert cancel_execution(scene.connection, id) is CancelResult.CANCELING
        took_s = until(lambda: scene.execution(id)["state"] == "canceled", 30)
        row = scene.execution(id)
        assert (row["completed_at"] - row["stop_requested_at"]).total_seconds() < MOST_S
        assert took_s < MOST_S
        assert stalling.gone.wait(MOST_S), "the connection is closed as well"
    finally:
        load.publisher.close()
        fleet.close()
        scene.connection.close()
