"""Retention: what is past its time goes, by rows or by whole weeks, and the statistics stay exact at every step."""

import itertools
import threading
from collections.abc import Callable, Iterator
from copy import copy
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import psycopg
import pytest

from services.worker.loops.base import Tools
from services.worker.loops.retention import BUSY_S, LOCK, TRY_LOCK, Retention
from shared.db.belongings import BELONGINGS
from shared.db.partitions import PARTITIONED, ensure_partitions, monday
from shared.db.pool import Plans, connect
from shared.db.stats import fold
from shared.domain.outcome import Kind
from shared.engine.batch import Batch, Options, run_batch
from shared.engine.requests import Claim, NotClaimed
from shared.engine.retention import retention_pass
from shared.engine.retry import retry_execution
from shared.live import HintWriter
from shared.publisher import make_publisher
from shared.queries.stats import HOLD_HISTORY, counted, overview, recount
from shared.settings import Settings
from tests.integration.clockwork.past import PastScene, weeks_ago

OLD = weeks_ago(6)


@pytest.fixture
def scene(database_url: str) -> Iterator[PastScene]:
    made = PastScene(database_url)
    yield made
    made.connection.close()


@pytest.fixture
def tools(database_url: str) -> Iterator[Tools]:
    settings = Settings(
        DATABASE_URL=database_url,
        BROKER_URL="redis://127.0.0.1:1",
        REDIS_URL="redis://127.0.0.1:1",
        FLOWVERSAL_RETENTION_DAYS="30",
    )
    made = Tools(settings, make_publisher(settings.broker_url), HintWriter(settings.redis_url))
    yield made
    made.publisher.close()
    made.hints.close()


def other_workflow(scene: PastScene, days: int | None) -> None:
    """Runs are those of another workflow from now on, with a retention of its own."""
    nodes = [{"id": id, "type": "transform", "params": {"output": id}} for id in ("a", "b")]
    scene.workflow_id, scene.version_id = scene.add_workflow(nodes)
    scene.connection.execute("UPDATE workflows SET retention_days = %s WHERE id = %s", (days, scene.workflow_id))


def test_it_is_off_by_default(scene: PastScene) -> None:
    old = scene.past(OLD)
    assert Settings().retention_days is None
    assert scene.prune(None) == 0
    assert set(scene.rows_of(old)) == {*PARTITIONED}


def test_a_week_goes_with_its_partitions_and_the_statistics_stay(scene: PastScene) -> None:
    old = [scene.past(OLD), scene.past(OLD + timedelta(days=2), last=Kind.FAILED), scene.past(weeks_ago(9))]
    recent = scene.past(weeks_ago(2))
    fold(scene.connection)
    before = overview(scene.connection)
    assert scene.rows_of(old[1])["dead_letters"] == 1
    scene.prune(30)
    assert [scene.rows_of(id) for id in old] == [{}, {}, {}]
    assert (scene.there(OLD), scene.there(weeks_ago(9))) == ([], [])
    assert set(scene.rows_of(recent)) == {*PARTITIONED}
    assert overview(scene.connection) == before
    assert before["totalExecutions"] == 4
    runs = scene.connection.execute(
        "SELECT kind, week, executions, completed_at IS NOT NULL, bytes > 0 FROM retention_runs ORDER BY week"
    ).fetchall()
    assert runs == [("week", monday(weeks_ago(9)), 1, True, True), ("week", monday(OLD), 2, True, True)]
    assert scene.prune(30) == 0
    assert scene.one("SELECT count(*) AS n FROM retention_runs")["n"] == 2, "nothing more to do"


def test_a_live_execution_keeps_its_week_and_all_that_is_its_own(scene: PastScene) -> None:
    live = scene.move(scene.start().id, OLD)
    gone = [scene.past(OLD) for _ in range(5)]
    before = scene.rows_of(live)
    scene.prune(30, limit=2)
    assert scene.rows_of(live) == before
    assert [scene.rows_of(id) for id in gone] == [{}] * 5
    run = scene.one("SELECT kind, executions, rows, completed_at FROM retention_runs")
    assert (run["kind"], run["executions"]) == ("rows", 5)
    assert {table: count for table, count in run["rows"].items() if count} == {
        "executions": 5,
        "steps": 10,
        "step_attempts": 5,
        "execution_data": 10,
        "execution_logs": 5,
        "blobs": 5,
    }
    scene.connection.execute("UPDATE executions SET state = 'canceled', completed_at = now() WHERE id = %s", (live,))
    for _ in retention_pass(scene.connection, days=30):
        pass
    assert scene.rows_of(live) == before, "it ended a moment ago, however long it took"


def test_a_workflow_may_keep_longer_or_shorter_than_the_instance(scene: PastScene) -> None:
    by_instance = [scene.past(OLD), scene.past(weeks_ago(3))]
    other_workflow(scene, 365)
    longer = [scene.past(OLD), scene.past(weeks_ago(60))]
    other_workflow(scene, 2)
    shorter = [scene.past(OLD), scene.past(datetime.now(UTC) - timedelta(days=3))]
    today = scene.past(datetime.now(UTC) - timedelta(hours=40))
    scene.prune(30)
    assert [scene.rows_of(id) != {} for id in by_instance] == [False, True]
    assert [scene.rows_of(id) != {} for id in longer] == [True, False]
    assert [scene.rows_of(id) != {} for id in (*shorter, today)] == [False, False, True]
    assert (scene.there(OLD), scene.there(weeks_ago(60))) == ([*PARTITIONED], [])


def test_only_workflows_with_a_retention_lose_anything_while_the_instance_keeps_all(scene: PastScene) -> None:
    kept = scene.past(OLD)
    other_workflow(scene, 10)
    gone = scene.past(OLD)
    scene.prune(None)
    assert (scene.rows_of(kept) != {}, scene.rows_of(gone)) == (True, {})


def test_a_failure_that_is_still_to_be_followed_stays(scene: PastScene) -> None:
    old = scene.past(OLD, last=Kind.FAILED)
    scene.connection.execute("UPDATE executions SET on_failure = uuid7() WHERE id = %s", (old,))
    scene.prune(30)
    assert scene.rows_of(old) != {}
    scene.connection.execute("UPDATE executions SET on_failure = NULL WHERE id = %s", (old,))
    scene.prune(30)
    assert scene.rows_of(old) == {}


def test_the_weeks_that_are_always_there_are_not_dropped(scene: PastScene) -> None:
    last_week = scene.past(weeks_ago(1) - timedelta(days=1, hours=11))
    scene.prune(1)
    assert scene.rows_of(last_week) == {}
    assert scene.there(weeks_ago(1)) == [*PARTITIONED]
    assert ensure_partitions(scene.connection) == []


def test_a_pass_that_was_cut_short_anywhere_is_finished_by_the_next(scene: PastScene) -> None:
    """The process is killed between any two statements, between DETACH and DROP too."""
    for cut in itertools.count(1):
        for weeks in (6, 7):
            scene.past(weeks_ago(weeks))
        steps = retention_pass(scene.connection, days=30)
        done = len(list(itertools.islice(steps, cut)))
        steps.close()
        scene.check()
        scene.prune(30)
        assert (scene.there(weeks_ago(6)), scene.there(weeks_ago(7))) == ([], [])
        assert scene.one("SELECT count(*) AS n FROM retention_runs WHERE completed_at IS NULL")["n"] == 0
        if done < cut:
            break
    assert cut > 2 * 2 * len(PARTITIONED)


def test_somebody_who_reads_for_long_delays_it_and_is_not_disturbed(scene: PastScene, tools: Tools) -> None:
    """The detach of one table is begun and cannot be ended: nobody else waits, and the next pass finishes it."""
    old, recent = scene.past(OLD), scene.past(weeks_ago(2))
    loop = Retention(tools)
    with connect(scene.database_url, application_name="reader") as reader:
        assert reader.execute("SELECT count(*) FROM steps WHERE execution_id = %s", (old,)).fetchone() == (2,)
        waits: list[float] = []
        while BUSY_S not in waits:
            waits.append(loop.run(scene.connection))
            scene.check()
        pending = scene.one("SELECT inhrelid::regclass::text AS name FROM pg_inherits WHERE inhdetachpending")
        assert pending["name"].startswith("steps_p")
        scene.run_through()
        assert scene.rows_of(recent) != {}
    while loop.run(scene.connection) != loop.interval_s:
        pass
    assert (scene.there(OLD), scene.rows_of(old)) == ([], {})
    scene.check()


def test_claims_of_a_week_that_goes_find_nothing_and_break_nothing(scene: PastScene) -> None:
    """Statements that are planned once and name the partition, before, between and after every step."""
    old = scene.past(OLD)
    claim = Claim((old, "a", ""), 7)
    kept = connect(scene.database_url, application_name="kept", autocommit=True, plans=Plans.KEPT)
    eager = connect(scene.database_url, application_name="eager", autocommit=True)
    with kept, eager:
        for _ in retention_pass(scene.connection, days=30):
            for connection in (kept, eager):
                assert run_batch(connection, Batch([claim], [], Options())).claimed == [NotClaimed(claim.key)]
            scene.run_through()
    assert scene.there(OLD) == []


class Others:
    """Threads that work on connections of their own until one of them fails or all are told to stop."""

    def __init__(self, database_url: str) -> None:
        self.failures: list[str] = []
        self._url = database_url
        self._stop = threading.Event()
        self._threads: list[threading.Thread] = []

    def start(self, work: Callable[[psycopg.Connection[Any]], object]) -> None:
        thread = threading.Thread(target=self._run, args=(work,))
        self._threads.append(thread)
        thread.start()

    def stop(self) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join()

    def _run(self, work: Callable[[psycopg.Connection[Any]], object]) -> None:
        try:
            with connect(self._url, application_name="other", autocommit=True) as connection:
                connection.execute("SET lock_timeout = '2s'")
                while not self._stop.is_set():
                    work(connection)
        except Exception as error:
            self.failures.append(repr(error))


def compare(connection: psycopg.Connection[Any]) -> None:
    """Statistics and recount under one snapshot."""
    connection.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
    with connection.transaction():
        connection.execute(HOLD_HISTORY)
        assert counted(connection) == recount(connection)


def test_exact_and_undisturbed_while_others_run_fold_and_read(scene: PastScene) -> None:
    for weeks, last in itertools.product(range(4, 10), (Kind.DONE, Kind.FAILED)):
        scene.past(weeks_ago(weeks), last=last)
    scene.move(scene.start().id, weeks_ago(5))
    runner = copy(scene)

    def run(connection: psycopg.Connection[Any]) -> None:
        runner.connection = connection
        runner.run_through()

    others = Others(scene.database_url)
    for work in (run, lambda connection: fold(connection, limit=3), compare, compare):
        others.start(work)
    try:
        for _ in retention_pass(scene.connection, days=14, limit=1):
            assert others.failures == []
    finally:
        others.stop()
    assert others.failures == []
    scene.check()
    assert [weeks for weeks in range(4, 10) if scene.there(weeks_ago(weeks))] == [5]


def test_no_table_with_rows_of_executions_is_forgotten(scene: PastScene) -> None:
    """Plain tables with such a column are named in `BELONGINGS`, and each can be searched by it."""
    columns = scene.connection.execute(
        "SELECT c.relname::text, a.attname::text, EXISTS (SELECT FROM pg_index i"
        " WHERE i.indrelid = c.oid AND i.indkey[0] = a.attnum AND i.indpred IS NULL)"
        " FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid"
        " WHERE c.relkind = 'r' AND NOT c.relispartition AND c.relnamespace = current_schema()::regnamespace"
        " AND (a.attname = 'execution_id' OR (c.relname, a.attname) IN (SELECT * FROM unnest(%s::text[], %s::text[])))",
        ([table for table, _ in BELONGINGS], [column for _, column in BELONGINGS]),
    ).fetchall()
    assert {(table, column) for table, column, _ in columns} == {*BELONGINGS}
    assert all(indexed for _, _, indexed in columns), columns


def test_what_somebody_redrives_is_passed_by(scene: PastScene) -> None:
    old = scene.past(OLD, last=Kind.FAILED)
    scene.move(scene.start().id, OLD)
    with psycopg.connect(scene.database_url) as other:
        other.execute("SELECT FROM executions WHERE id = %s FOR NO KEY UPDATE", (old,))
        scene.prune(30)
        assert scene.rows_of(old) != {}
    scene.prune(30)
    assert scene.rows_of(old) == {}


def test_one_process_at_a_time(scene: PastScene, tools: Tools) -> None:
    old = scene.past(OLD)
    loop = Retention(tools)
    with psycopg.connect(scene.database_url, autocommit=True) as other:
        other.execute(TRY_LOCK, (LOCK,))
        assert loop.run(scene.connection) == BUSY_S
        assert scene.rows_of(old) != {}
    while loop.run(scene.connection) != loop.interval_s:
        pass
    assert scene.rows_of(old) == {}
    assert scene.one("SELECT count(*) AS n FROM pg_locks WHERE locktype = 'advisory'")["n"] == 0


def test_a_lost_connection_begins_the_pass_anew(scene: PastScene, tools: Tools) -> None:
    scene.past(OLD)
    loop = Retention(tools)
    with psycopg.connect(scene.database_url, autocommit=True) as lost:
        loop.run(lost)
    with pytest.raises(psycopg.OperationalError):
        loop.run(lost)
    while loop.run(scene.connection) != loop.interval_s:
        pass
    assert scene.there(OLD) == []


def retried(scene: PastScene, first: UUID, at: datetime) -> UUID:
    """A retry of an execution from its failed step, which was accepted at that time and has ended well."""
    with scene.connection.transaction():
        begun = retry_execution(scene.connection, first, scene.version_id, user_id=scene.user_id)
    scene.complete(scene.claim(begun.ready[0]))
    id = scene.move(begun.id, at)
    scene.connection.execute("UPDATE execution_retries SET id = %s WHERE id = %s", (id, begun.id))
    return id


def test_what_a_retry_refers_to_stays_as_long_as_the_retry(scene: PastScene) -> None:
    other_workflow(scene, None)
    first = scene.past(OLD, last=Kind.FAILED)
    second = retried(scene, first, weeks_ago(5))
    third = retried(scene, scene.past(OLD, last=Kind.FAILED), weeks_ago(0))
    scene.prune(30)
    assert scene.rows_of(second) == {}
    assert "executions" in scene.rows_of(third)
    kept = scene.connection.execute("SELECT retry_of FROM execution_retries WHERE id = %s", (third,)).fetchone()
    assert kept is not None
    assert {"executions", "blobs"} <= set(scene.rows_of(kept[0])), "the third still refers to it"
    scene.prune(30)
    assert scene.rows_of(first) == {}, "nothing refers to it any more"


def test_a_week_goes_at_once_with_runs_and_their_retries(scene: PastScene) -> None:
    retried(scene, scene.past(OLD, last=Kind.FAILED), OLD + timedelta(hours=1))
    scene.prune(30)
    assert scene.there(OLD) == []
