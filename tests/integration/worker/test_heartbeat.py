"""The heartbeat of a worker: leases, requests to stop, and messages of steps that take long."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest

from services.worker.heartbeat import Heartbeat
from services.worker.running import Registry, Running
from shared.engine.requests import Claimed
from shared.settings import Settings
from tests.integration.clockwork.scene import Scene


def until(condition: Callable[[], bool]) -> None:
    """Wait until it is so; fails after 10 s."""
    ends = time.monotonic() + 10
    while not condition():
        assert time.monotonic() < ends, "it did not become so in 10 s"
        time.sleep(0.01)


@contextmanager
def beating(scene: Scene, settings: Settings, registry: Registry) -> Iterator[None]:
    """A heartbeat that listens."""
    heartbeat = Heartbeat(settings, "w1", registry)
    until(lambda: bool(scene.connection.execute("SELECT FROM workers WHERE id = 'w1'").fetchall()))
    try:
        yield
    finally:
        heartbeat.close()


def running(claimed: Claimed, acknowledge: Callable[[], object] | None = None) -> tuple[Registry, Running]:
    registry, one = Registry(), Running(claimed.key, claimed.fence, acknowledge=acknowledge)
    registry.add(one)
    return registry, one


def test_a_notification_that_is_no_execution_harms_nobody(scene: Scene, settings: Settings) -> None:
    claimed = scene.claim(scene.start().ready[0])
    registry, one = running(claimed)
    with beating(scene, settings, registry):
        scene.connection.execute("SELECT pg_notify('flowversal_stop', %s)", ("no execution at all",))
        scene.connection.execute("SELECT pg_notify('flowversal_stop', %s)", (str(claimed.key[0]),))
        until(lambda: one.stopped)
        (beats,) = scene.connection.execute("SELECT beat_at FROM workers WHERE id = 'w1'").fetchall()
        until(lambda: scene.connection.execute("SELECT beat_at FROM workers WHERE id = 'w1'").fetchall()[0] > beats)


def test_it_outlives_its_connection_and_goes_on_to_renew(scene: Scene, settings: Settings) -> None:
    ref = scene.start().ready[0]
    registry, one = running(scene.claim(ref))
    with beating(scene, settings, registry):
        killed = (
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE application_name = 'flowversal-heartbeat' AND datname = current_database()"
        )
        assert scene.connection.execute(killed).fetchall() == [(True,)]
        lease = scene.step(ref)["lease_until"]
        until(lambda: bool(scene.step(ref)["lease_until"] > lease))
    assert not one.stopped


def test_an_attempt_whose_lease_is_another_ones_is_stopped(scene: Scene, settings: Settings) -> None:
    claimed = scene.claim(scene.start().ready[0])
    registry, one = running(claimed)
    one.fence += 1
    with beating(scene, settings, registry):
        until(lambda: one.stopped)


def test_a_long_step_gives_its_message_back_once(
    scene: Scene, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """RabbitMQ closes the channel of a message that is out for 30 minutes; after a minute the lease alone owns the step."""
    acknowledged: list[float] = []
    ref = scene.start().ready[0]
    registry, one = running(scene.claim(ref), lambda: acknowledged.append(time.monotonic() - one.started))
    monkeypatch.setattr("services.worker.heartbeat.ACKNOWLEDGE_AFTER_S", 0.5)
    with beating(scene, settings, registry):
        until(lambda: bool(acknowledged))
        lease = scene.step(ref)["lease_until"]
        until(lambda: bool(scene.step(ref)["lease_until"] > lease))
    assert (len(acknowledged), acknowledged[0] > 0.5, one.acknowledge) == (1, True, None)
    assert not one.stopped
