"""Clockwork as a whole: real processes, real servers that come and go."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from services.standalone.servers.base import ServerError
from services.standalone.servers.postgres import Postgres
from services.worker.clockwork import Clockwork, loop_types
from shared.broker import queue_depths, queue_name
from shared.db.pool import connect
from shared.domain.outcome import Kind
from shared.settings import Settings
from tests.integration.clockwork.scene import Scene

ROOT = Path(__file__).parents[3]
QUEUE = queue_name("default", 1)
POLL_S = 0.01


def until(condition: Callable[[], object], timeout_s: float = 15.0) -> float:
    """Wait for a condition; returns the seconds it took."""
    began = time.monotonic()
    while not condition():
        assert time.monotonic() - began < timeout_s, "the condition did not come true"
        time.sleep(POLL_S)
    return time.monotonic() - began


@pytest.fixture
def settings(database_url: str, redis_url: str) -> Settings:
    """Everything on the test servers; Valkey is the broker; lost messages are missed after 0.3 s."""
    return Settings(
        DATABASE_URL=database_url,
        BROKER_URL=redis_url,
        REDIS_URL=redis_url,
        FLOWVERSAL_REPUBLISH_AFTER_S=0.3,
        FLOWVERSAL_SWEEP_S=0.1,
    )


@pytest.fixture
def clockwork(settings: Settings) -> Iterator[Clockwork]:
    """All loops in this process."""
    made = Clockwork(settings)
    made.start()
    yield made
    made.close()


@contextmanager
def process(settings: Settings) -> Iterator[subprocess.Popen[bytes]]:
    """A clockwork process of its own."""
    environment = os.environ | {
        "DATABASE_URL": settings.database_url,
        "BROKER_URL": settings.broker_url,
        "REDIS_URL": settings.redis_url,
    }
    command = [sys.executable, "-m", "services.worker.clockwork"]
    running = subprocess.Popen(command, cwd=ROOT, env=environment, stderr=subprocess.DEVNULL)
    try:
        yield running
    finally:
        running.kill()
        running.wait()


def leaders(scene: Scene) -> set[int]:
    """The process ids of those that lead, by their last heartbeat of less than 3 s ago."""
    query = "SELECT pid FROM workers WHERE kind = 'clockwork' AND busy = 1 AND beat_at > now() - interval '3 s'"
    return {row[0] for row in scene.connection.execute(query)}


def members(scene: Scene) -> set[int]:
    """The process ids of all clockworks that have registered."""
    return {row[0] for row in scene.connection.execute("SELECT pid FROM workers WHERE kind = 'clockwork'")}


def came_back(postgres: Postgres) -> bool:
    """Start it after a kill; it refuses while a process of its former life still ends."""
    postgres.start()
    try:
        postgres.wait_ready(30)
    except ServerError:
        return False
    return True


def test_every_loop_is_found() -> None:
    names = {cls.name() for cls in loop_types()}
    assert {"timers", "leases", "sweeper", "rollups", "partitions", "gauges", "stranded", "workers"} <= names


@pytest.mark.usefixtures("clockwork")
def test_timer_is_kept_to_the_moment(scene: Scene) -> None:
    ref = scene.start().ready[0]
    late = "SELECT extract(epoch FROM ready_at - %s::timestamptz)::float8 AS s FROM steps WHERE execution_id = %s AND node = 'a'"
    for due_s in (1.0, 0.25):
        scene.complete(scene.claim(ref), Kind.WAIT, due_s=due_s)
        due_at = scene.step(ref)["due_at"]
        until(lambda: scene.step(ref)["state"] == "ready")
        assert 0 <= scene.one(late, due_at, ref.execution_id)["s"] < 0.3


@pytest.mark.usefixtures("clockwork")
def test_lost_message_is_sent_again_and_lost_lease_taken_back(scene: Scene, settings: Settings) -> None:
    ref = scene.start().ready[0]
    scene.pass_time(6, ref)
    until(lambda: (queue_depths(settings.broker_url, [QUEUE]) or {})[QUEUE] == 1)
    scene.claim(ref)
    scene.pass_time(60, ref)
    until(lambda: scene.step(ref)["lost"] == 1)
    until(lambda: (queue_depths(settings.broker_url, [QUEUE]) or {})[QUEUE] == 2)


@pytest.mark.usefixtures("clockwork")
def test_statistics_are_folded(scene: Scene) -> None:
    scene.run_through()
    until(lambda: scene.one("SELECT count(*) AS n FROM stats_totals")["n"] == 1)
    assert scene.one("SELECT count(*) AS n FROM stats_delta")["n"] == 0


@pytest.mark.usefixtures("clockwork")
def test_loops_outlive_postgres(scene: Scene, postgres: Postgres) -> None:
    until(lambda: members(scene))
    scene.connection.execute("SET synchronous_commit = on")
    ref = scene.start().ready[0]
    scene.complete(scene.claim(ref), Kind.WAIT, due_s=1.0)
    scene.connection.close()
    postgres.kill()
    until(lambda: came_back(postgres), timeout_s=30)
    scene.connection = connect(scene.database_url, application_name="test", autocommit=True)
    until(lambda: scene.step(ref)["state"] == "ready", timeout_s=20)


def test_sigterm_ends_it_within_a_second(scene: Scene, settings: Settings) -> None:
    with process(settings) as running:
        until(lambda: leaders(scene) == {running.pid})
        began = time.monotonic()
        running.send_signal(signal.SIGTERM)
        assert running.wait(timeout=5) == 0
        assert time.monotonic() - began < 1.0
        assert members(scene) == set()


def test_another_one_takes_over(scene: Scene, settings: Settings) -> None:
    """A leader that is killed frees the lock; one that hangs keeps it, and the other works all the same."""
    with process(settings) as first, process(settings) as second:
        until(lambda: members(scene) == {first.pid, second.pid} and len(leaders(scene)) == 1)
        leader, other = (first, second) if leaders(scene) == {first.pid} else (second, first)
        leader.send_signal(signal.SIGSTOP)
        ref = scene.start().ready[0]
        scene.complete(scene.claim(ref), Kind.WAIT, due_s=0.1)
        until(lambda: scene.step(ref)["state"] == "ready", timeout_s=20)
        leader.kill()
        until(lambda: leaders(scene) == {other.pid})
