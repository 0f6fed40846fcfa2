"""A broker that is away is told where people wait for it; runs that wait for something else say that instead."""

import socket
from collections.abc import Callable, Iterator

import pytest
from flask.testing import FlaskClient

from services.dashboard.app import create_app
from shared import ids
from shared.settings import Settings
from shared.web import broker
from shared.web.broker import BrokerProbe, listens
from shared.web.database import engine_of
from tests.integration.clockwork.scene import Scene

AWAY = "Waiting for the message broker, which cannot be reached."
NOTE = "The message broker cannot be reached"


@pytest.fixture
def scene(database_url: str) -> Iterator[Scene]:
    made = Scene(database_url)
    yield made
    made.connection.close()


@pytest.fixture
def listener() -> Iterator[socket.socket]:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        yield listening


@pytest.fixture
def broker_url(listener: socket.socket) -> str:
    return f"amqp://127.0.0.1:{listener.getsockname()[1]}"


def test_one_of_several_addresses_is_enough(broker_url: str, listener: socket.socket) -> None:
    assert listens(f"amqp://127.0.0.1:1;{broker_url}")
    listener.close()
    assert not listens(f"amqp://127.0.0.1:1;{broker_url}")


@pytest.mark.parametrize("url", ["amqp://u:pa/ss@localhost", "amqp://[::1", f"amqp://{'a' * 70}.example", "amqp://"])
def test_nobody_listens_at_what_is_no_address(url: str) -> None:
    assert not listens(url)


def test_what_was_found_is_remembered_for_a_moment(
    broker_url: str, listener: socket.socket, monkeypatch: pytest.MonkeyPatch
) -> None:
    probe = BrokerProbe(broker_url)
    assert not probe.away()
    listener.close()
    assert not probe.away()
    monkeypatch.setattr(broker, "LOOK_EVERY_S", 0.0)
    assert probe.away()


@pytest.mark.parametrize("reached", [True, False])
def test_the_overview_and_a_queued_run_say_it(
    database_url: str,
    scene: Scene,
    person: Callable[[str], FlaskClient],
    broker_url: str,
    reached: bool,
) -> None:
    run = ids.encode(ids.EXECUTION, scene.start().id)
    person("admin")
    address = broker_url if reached else "amqp://127.0.0.1:1"
    app = create_app(
        Settings.model_validate(
            {"DATABASE_URL": database_url, "REDIS_URL": "redis://127.0.0.1:1/0", "BROKER_URL": address}
        )
    )
    admin = app.test_client()
    admin.post("/login", data={"email": "admin@example.com", "password": "correct horse battery"})
    assert (NOTE in admin.get("/admin").text) is not reached
    assert (AWAY in admin.get(f"/executions/{run}").text) is not reached
    scene.connection.execute("UPDATE executions SET queued_reason = 'In line behind 2 runs.'")
    page = admin.get(f"/executions/{run}").text
    assert (AWAY in page, "In line behind 2 runs." in page) == (False, True)
    engine_of(app).dispose()
