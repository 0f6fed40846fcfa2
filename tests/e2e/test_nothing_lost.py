"""Processes and servers die while executions run: every accepted execution ends right, and every number is exact."""

from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from services.standalone.servers.postgres import Postgres
from services.standalone.servers.rabbitmq import RabbitMQ
from shared.engine.cancel import cancel_execution
from shared.queries.stats import overview, recount
from tests.e2e.fleet import Counting, Fleet, Load, until
from tests.factories import definition, edge, node
from tests.integration.engine.conftest import EngineScene

RUNS = 60


@contextmanager
def running(scene: EngineScene, broker_url: str, redis_url: str, **settings: str) -> Iterator[tuple[Fleet, Load]]:
    """Processes, and a load for them."""
    fleet, load = Fleet(scene.database_url, broker_url, redis_url, **settings), Load(scene, broker_url)
    try:
        yield fleet, load
    finally:
        fleet.close()
        load.publisher.close()


@pytest.fixture
def server() -> Iterator[Counting]:
    made = Counting()
    yield made
    made.close()


@pytest.fixture
def scene(database_url: str) -> Iterator[EngineScene]:
    made = EngineScene(database_url)
    yield made
    made.connection.close()


@pytest.fixture(params=["amqp_url", "redis_url"])
def broker_url(request: pytest.FixtureRequest) -> str:
    url: str = request.getfixturevalue(request.param)
    return url


def five_nodes(url: str) -> dict[str, object]:
    """Two calls, a branch between them, a join after it."""
    call = "http.request"
    return definition(
        node("get", call, {"url": url + "/get/{{ input.n }}"}, retry={"maxAttempts": 3}),
        node("odd", "branch", {"condition": "{{ input.n % 2 == 1 }}"}),
        node("a", call, {"url": url + "/a/{{ input.n }}"}, retry={"maxAttempts": 3}),
        node("b", call, {"url": url + "/b/{{ input.n }}"}, retry={"maxAttempts": 3}),
        node("end", "transform", {"output": "{{ input.n }}"}),
        edges=[
            edge("get", "odd"),
            edge("odd", "a", "true"),
            edge("odd", "b", "false"),
            edge("a", "end"),
            edge("b", "end"),
        ],
    )


def check(load: Load, server: Counting, count: int) -> None:
    """All succeeded, the server saw each call, outputs are right, statistics equal a recount, nothing is left over."""
    scene = load.scene
    assert load.states() == {"success": count}
    for number in range(count):
        assert server.calls[f"/get/{number}"] >= 1
        assert server.calls[f"/{'a' if number % 2 else 'b'}/{number}"] >= 1
    rows = scene.connection.execute("SELECT output::text::int FROM execution_data WHERE node = 'end' ORDER BY 1")
    assert [row[0] for row in rows] == list(range(count))
    totals = overview(scene.connection)
    assert (totals["totalExecutions"], totals["success"], totals["running"]) == (count, count, 0)
    assert recount(scene.connection)
    left = scene.one("SELECT count(*) AS n FROM steps WHERE state NOT IN ('success', 'skipped')")
    assert left == {"n": 0}


def test_workers_are_killed_while_they_work(
    scene: EngineScene, broker_url: str, redis_url: str, server: Counting
) -> None:
    scene.use(five_nodes(server.url))
    with running(scene, broker_url, redis_url) as (fleet, load):
        for number in range(RUNS):
            load.start({"n": number})
            if number in (RUNS // 4, RUNS // 2):
                until(lambda: load.states()["success"] > 0, 60)
                fleet.kill_worker(0 if number == RUNS // 4 else 1)
        load.wait(90)
        check(load, server, RUNS)


def test_rabbitmq_is_away_for_a_while(
    scene: EngineScene, rabbitmq: RabbitMQ, amqp_url: str, redis_url: str, server: Counting
) -> None:
    scene.use(five_nodes(server.url))
    with running(scene, amqp_url, redis_url) as (_, load):
        for number in range(RUNS):
            load.start({"n": number})
            if number == RUNS // 3:
                until(lambda: load.states()["success"] > 0, 60)
                rabbitmq.kill()
        rabbitmq.start()
        rabbitmq.wait_ready(60)
        load.wait(90)
        check(load, server, RUNS)


def test_postgres_is_restarted(
    scene: EngineScene, postgres: Postgres, amqp_url: str, redis_url: str, server: Counting
) -> None:
    scene.use(five_nodes(server.url))
    with running(scene, amqp_url, redis_url) as (_, load):
        for number in range(RUNS):
            load.start({"n": number})
        postgres.stop()
        postgres.start()
        postgres.wait_ready(60)
        again = EngineScene.__new__(EngineScene)
        again.__dict__.update(scene.__dict__)
        again.connection = scene.connection.connect(scene.database_url, autocommit=True)
        load.scene = again
        load.wait(90)
        check(load, server, RUNS)
        again.connection.close()


def test_a_cancel_ends_running_io_within_a_second_without_redis(scene: EngineScene, amqp_url: str) -> None:
    scene.use(definition(node("long", "simulate", {"durationMs": 600_000, "failureRate": 0}), node("never")))
    with running(scene, amqp_url, "redis://127.0.0.1:1") as (_, load):
        execution_id = load.start({})
        until(lambda: scene.states(execution_id).get("long") == "running", 60)
        cancel_execution(scene.connection, execution_id)
        until(lambda: load.states() == {"canceled": 1}, 10)
        stopped = scene.one("SELECT extract(epoch FROM completed_at - stop_requested_at)::float8 AS s FROM executions")
        assert stopped["s"] < 1.0
        assert "never" not in scene.states(execution_id)


def test_outputs_that_cannot_be_stored_fail_the_step_and_the_worker_lives(
    scene: EngineScene, amqp_url: str, redis_url: str
) -> None:
    scene.use(definition(node("out", "transform", {"output": "{{ input.value }}"})))
    huge = 10**100 + 7
    with running(scene, amqp_url, redis_url, FLOWVERSAL_MAX_OUTPUT_BYTES="100000") as (_, load):
        fine, big = load.start({"value": huge}), load.start({"value": "x" * 200_000})
        load.wait(60)
        text = scene.one("SELECT output::text AS t FROM execution_data WHERE execution_id = %s AND node = 'out'", fine)
        assert text == {"t": str(huge)}
        error = scene.one("SELECT error::json AS e FROM execution_data WHERE execution_id = %s AND node = 'out'", big)
        assert error["e"]["code"] == "PAYLOAD_TOO_LARGE"
        assert "100" in error["e"]["message"]
        load.start({"value": 1})
        load.wait(60)
        assert load.states() == {"success": 2, "failed": 1}
