"""Workers and clockwork are killed while runs run runs: each step has one child, every use is counted once, nothing is left."""

from collections.abc import Iterator
from uuid import UUID

import pytest

from shared import ids
from shared.engine.cancel import cancel_execution
from shared.queries.stats import counted, recount
from tests.e2e.fleet import Fleet, Load, until
from tests.factories import definition, node
from tests.integration.engine.conftest import EngineScene

RUNS = 40
TOKENS = {"durationMs": 20, "failureRate": 0, "tokensMin": 5, "tokensMax": 5}


@pytest.fixture
def scene(database_url: str) -> Iterator[EngineScene]:
    made = EngineScene(database_url)
    yield made
    made.connection.close()


def published(scene: EngineScene, nodes: list[dict[str, object]]) -> UUID:
    workflow_id, version_id = scene.add_workflow(nodes)
    scene.connection.execute("UPDATE workflow_versions SET number = 1 WHERE id = %s", (version_id,))
    scene.connection.execute("UPDATE workflows SET published_version = 1 WHERE id = %s", (workflow_id,))
    return workflow_id


def call(workflow: UUID) -> dict[str, object]:
    params = {"workflowId": ids.encode(ids.WORKFLOW, workflow), "input": "{{ input }}"}
    return node("call", "workflow.run", params)


def test_three_levels_under_kills(scene: EngineScene, amqp_url: str, redis_url: str) -> None:
    inner = published(scene, [node("work", "simulate", TOKENS), node("out", params={"output": "{{ input.n }}"})])
    middle = published(scene, [call(inner), node("out", params={"output": "{{ steps.call.output }}"})])
    scene.use(definition(call(middle), node("end", params={"output": "{{ steps.call.output }}"})))
    fleet, load = Fleet(scene.database_url, amqp_url, redis_url), Load(scene, amqp_url)
    try:
        for number in range(RUNS):
            load.start({"n": number})
            if number in (RUNS // 4, RUNS // 2):
                until(lambda: load.states()["success"] > 0, 60)
                fleet.kill_worker(0 if number == RUNS // 4 else 1)
                fleet.clockwork.kill()
                fleet.clockwork.wait()
                fleet.clockwork = fleet._spawn("services.worker.clockwork")
        load.wait(90)
        until(lambda: scene.one("SELECT count(*) AS n FROM executions WHERE awaited") == {"n": 0}, 30)
    finally:
        fleet.close()
        load.publisher.close()
    assert load.states() == {"success": 3 * RUNS}
    assert scene.one("SELECT count(*) AS n, count(DISTINCT execution_id) AS parents FROM subruns") == {
        "n": 2 * RUNS,
        "parents": 2 * RUNS,
    }
    rows = scene.connection.execute("SELECT output::text::int FROM execution_data WHERE node = 'end' ORDER BY 1")
    assert [row[0] for row in rows] == list(range(RUNS))
    sums = (
        "SELECT sum(ai_tokens)::int AS own, sum(child_ai_tokens) FILTER (WHERE depth = 0)::int AS shown FROM executions"
    )
    assert scene.one(sums) == {"own": 5 * RUNS, "shown": 5 * RUNS}
    assert counted(scene.connection) == recount(scene.connection)


def test_a_cancel_reaches_the_grandchildren_within_a_second(scene: EngineScene, amqp_url: str, redis_url: str) -> None:
    inner = published(scene, [node("work", "simulate", {"durationMs": 600_000, "failureRate": 0})])
    middle = published(scene, [call(inner)])
    scene.use(definition(call(middle)))
    fleet, load = Fleet(scene.database_url, amqp_url, redis_url), Load(scene, amqp_url)
    running = "SELECT count(*) AS n FROM steps WHERE node = 'work' AND state = 'running'"
    try:
        started = [load.start({}) for _ in range(5)]
        until(lambda: scene.one(running) == {"n": 5}, 60)
        for id in started:
            cancel_execution(scene.connection, id)
        took_s = until(lambda: load.states() == {"canceled": 15}, 10)
    finally:
        fleet.close()
        load.publisher.close()
    assert took_s < 2.0, "a level takes a fifth of a second at most; the machine is shared"
