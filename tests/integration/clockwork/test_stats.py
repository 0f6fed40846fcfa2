"""Statistics: exact at any moment, whoever writes, folds or reads at the same time."""

import random
import threading
from collections.abc import Callable
from uuid import UUID

import psycopg

from shared.db.pool import connect
from shared.db.stats import fold
from shared.domain.histogram import BOUNDS, bucket_of
from shared.domain.outcome import Kind
from shared.engine.cancel import cancel_execution
from shared.queries.stats import counted, overview, recount, user_stats, workflow_stats
from tests.integration.clockwork.scene import Scene

WRITERS = 3
EXECUTIONS_EACH = 60

ADD_ENDED = """
WITH e AS (
  INSERT INTO executions (workflow_id, version_id, user_id, trigger_type, total_steps, open_steps, state, started_at,
                          completed_at, ai_tokens, api_calls)
  VALUES (%(workflow)s, uuid7(), %(user)s, 'api', 1, 0, %(state)s, now(), now() + make_interval(secs => %(secs)s),
          %(tokens)s, 1) RETURNING *)
INSERT INTO stats_delta (workflow_id, user_id, trigger_type, state, completed_at, duration_ms, queue_wait_ms, steps,
                         ai_tokens, api_calls)
SELECT workflow_id, user_id, trigger_type, state, completed_at,
  floor(extract(epoch FROM completed_at) * 1000) - floor(extract(epoch FROM started_at) * 1000), 1, 1, ai_tokens, api_calls FROM e
"""


def test_two_successes_and_a_failure(scene: Scene) -> None:
    for kind in (Kind.DONE, Kind.DONE, Kind.FAILED):
        scene.run_through(last=kind)
    spans = "SELECT avg(floor(extract(epoch FROM completed_at) * 1000) - floor(extract(epoch FROM started_at) * 1000))::float8 AS mean FROM executions"
    for _ in range(2):
        totals = overview(scene.connection)
        assert (totals["totalExecutions"], totals["success"], totals["failed"], totals["running"]) == (3, 2, 1, 0)
        assert round(100 * totals["successRate"]) == 67
        assert abs(totals["averageMs"] - scene.one(spans)["mean"]) <= 0.5
        stats = workflow_stats(scene.connection, [scene.workflow_id])[scene.workflow_id]
        assert (stats["executions"], stats["successRate"], stats["averageMs"]) == (3, 0.667, totals["averageMs"])
        assert stats["p95Ms"] is not None
        assert user_stats(scene.connection, [scene.user_id])[scene.user_id]["executions"] == 3
        assert overview(scene.connection, scene.user_id) == totals
        assert overview(scene.connection, scene.workflow_id)["totalExecutions"] == 0
        fold(scene.connection)


def test_canceled_and_running_ones_are_counted_apart(scene: Scene) -> None:
    scene.claim(scene.start().ready[0])
    canceling = scene.start()
    scene.claim(canceling.ready[0])
    cancel_execution(scene.connection, canceling.id)
    cancel_execution(scene.connection, scene.start().id)
    scene.start()
    totals = overview(scene.connection)
    assert (totals["running"], totals["canceled"], totals["totalExecutions"]) == (2, 1, 1)
    assert (totals["successRate"], totals["averageMs"]) == (None, None)


def test_nothing_has_run_yet(scene: Scene) -> None:
    assert overview(scene.connection)["totalExecutions"] == 0
    stats = workflow_stats(scene.connection, [scene.workflow_id])[scene.workflow_id]
    assert (stats["executions"], stats["successRate"], stats["p95Ms"], stats["lastExecutedAt"]) == (0, None, None, None)
    assert workflow_stats(scene.connection, []) == {}


def test_folding_moves_every_number(scene: Scene) -> None:
    for kind in (Kind.DONE, Kind.FAILED):
        scene.run_through(last=kind)
    before = workflow_stats(scene.connection, [scene.workflow_id])
    assert fold(scene.connection, limit=1) == 1
    assert workflow_stats(scene.connection, [scene.workflow_id]) == before
    assert (fold(scene.connection), fold(scene.connection)) == (1, 0)
    assert workflow_stats(scene.connection, [scene.workflow_id]) == before
    hourly = scene.one(
        "SELECT sum(success)::int AS good, sum(failed)::int AS bad, sum(steps)::int AS steps FROM stats_hourly"
    )
    assert (hourly["good"], hourly["bad"], hourly["steps"]) == (1, 1, 4)
    counts = "SELECT sum(count)::int AS n FROM stats_histogram WHERE measure = %s"
    assert scene.one(counts, "duration")["n"] == scene.one(counts, "queue_wait")["n"] == 2


def test_sql_and_python_agree_on_buckets(scene: Scene) -> None:
    values = [
        0.0,
        0.5,
        *map(float, range(1, 3000)),
        *(2.0**power + offset for power in range(11, 45) for offset in (-1, 0, 1)),
    ]
    query = "SELECT v, width_bucket(v, %s::float8[]) FROM unnest(%s::float8[]) AS t (v)"
    assert all(bucket_of(value) == bucket for value, bucket in scene.connection.execute(query, (list(BOUNDS), values)))


def test_exact_while_others_write_and_fold(scene: Scene) -> None:
    """Readers compare a recount with the statistics under one snapshot, all the while."""
    workflows = [scene.workflow_id, scene.user_id]
    stop = threading.Event()
    failures: list[str] = []
    writers = [_thread(failures, _write, scene.database_url, workflows, seed) for seed in range(WRITERS)]
    folders = [_thread(failures, _fold_until, scene.database_url, stop) for _ in range(2)]
    readers = [_thread(failures, _compare_until, scene.database_url, stop, failures) for _ in range(2)]
    for thread in writers:
        thread.join()
    stop.set()
    for thread in [*folders, *readers]:
        thread.join()
    assert failures == []
    while fold(scene.connection):
        pass
    assert counted(scene.connection) == recount(scene.connection)
    assert overview(scene.connection)["totalExecutions"] == WRITERS * EXECUTIONS_EACH


def _thread(failures: list[str], work: Callable[..., None], *args: object) -> threading.Thread:
    def guarded() -> None:
        try:
            work(*args)
        except Exception as error:
            failures.append(repr(error))

    thread = threading.Thread(target=guarded)
    thread.start()
    return thread


def _write(database_url: str, workflows: list[UUID], seed: int) -> None:
    chance = random.Random(seed)
    with connect(database_url, application_name="writer", autocommit=True) as connection:
        for _ in range(EXECUTIONS_EACH):
            values = {
                "workflow": chance.choice(workflows),
                "user": chance.choice(workflows),
                "state": chance.choice(["success", "failed", "canceled"]),
                "secs": chance.random() * 100,
                "tokens": chance.randrange(100),
            }
            connection.execute(ADD_ENDED, values)


def _fold_until(database_url: str, stop: threading.Event) -> None:
    with connect(database_url, application_name="folder", autocommit=True) as connection:
        while not stop.is_set():
            fold(connection, limit=7)


def _compare_until(database_url: str, stop: threading.Event, failures: list[str]) -> None:
    with connect(database_url, application_name="reader") as connection:
        connection.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
        while not stop.is_set():
            with connection.transaction():
                said, true = counted(connection), recount(connection)
            if said != true:
                failures.append(f"{said} is not {true}")
                return
