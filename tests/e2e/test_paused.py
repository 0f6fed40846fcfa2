"""A worker is stopped in the middle of a transaction, and stays so: nobody waits for its locks, and nothing changes when it goes on."""

import signal
from collections.abc import Iterator

import pytest

from shared.queries.stats import recount
from tests.e2e.fleet import Fleet, Load, until
from tests.factories import definition, node
from tests.integration.engine.conftest import EngineScene

RUNS = 4
ITEMS = 30
LOCKS_HELD = """
SELECT count(*) AS n FROM pg_stat_activity
WHERE datname = current_database() AND application_name = 'flowversal-committer' AND state = 'idle in transaction'
  AND state_change < clock_timestamp() - interval '0.2 seconds'
"""


@pytest.fixture
def scene(database_url: str) -> Iterator[EngineScene]:
    made = EngineScene(database_url)
    yield made
    made.connection.close()


def stop_within_a_transaction(fleet: Fleet, scene: EngineScene, load: Load) -> None:
    """SIGSTOP the first worker at a moment when it holds locks; until that is hit there is always more to do."""

    def held() -> bool:
        for number in range(RUNS):
            load.start(number)
        fleet.workers[0].send_signal(signal.SIGSTOP)
        scene.connection.execute("SELECT pg_sleep(0.3)")
        if scene.one(LOCKS_HELD) != {"n": 0}:
            return True
        fleet.workers[0].send_signal(signal.SIGCONT)
        return False

    until(held, 90)


def test_a_worker_that_is_paused_with_locks_holds_up_nobody(scene: EngineScene, amqp_url: str, redis_url: str) -> None:
    loop = {"id": "each", "forEach": list(range(ITEMS)), "maxParallel": 6}
    body = node("double", "transform", {"output": "{{ item * 2 }}"})
    scene.use({"schema": 1, "containers": [loop | {"nodes": definition(body)["containers"][0]["nodes"]}]})
    fleet, load = Fleet(scene.database_url, amqp_url, redis_url), Load(scene, amqp_url)
    try:
        until(lambda: scene.one("SELECT count(*) AS n FROM workers WHERE kind = 'worker'") == {"n": 2}, 30)
        load.start("before")
        until(lambda: scene.one("SELECT count(*) AS n FROM steps WHERE state = 'success'")["n"] > 20, 30)
        stop_within_a_transaction(fleet, scene, load)
        load.wait(90)
        assert load.states() == {"success": len(load.ids)}
        fleet.workers[0].send_signal(signal.SIGCONT)
        load.start("after")
        load.wait(30)
    finally:
        fleet.workers[0].send_signal(signal.SIGCONT)
        fleet.close()
        load.publisher.close()
    assert load.states() == {"success": len(load.ids)}
    outputs = scene.connection.execute("SELECT output::text FROM execution_data WHERE node = 'each' AND item = ''")
    assert [row[0] for row in outputs] == ["[" + ",".join(str(2 * n) for n in range(ITEMS)) + "]"] * len(load.ids)
    assert recount(scene.connection)
