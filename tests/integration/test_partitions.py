"""Partitions: a hundred of them, and the statements of the engine still open at most three."""

import importlib
import pkgutil
import re
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import psycopg
import pytest
from psycopg import sql

import services.worker
import services.worker.loops
import shared.engine
from shared.db import hot
from shared.db.horizon import Horizon, live_horizon
from shared.db.partitions import PARTITIONED, ensure_partitions, ensure_week, monday, partition_name, week_of
from shared.db.pool import Plans, connect
from shared.db.wire import wire_of
from shared.engine import alone, ledger
from tests.servers.postgres import create_database, drop_database

WEEKS = 100
MOST = 3
_TABLES = re.compile(rf"\b({'|'.join(PARTITIONED)})\b")
_PARTITION = re.compile(r"_p\d{8}$")
# Statements that look at one execution take its id, and these more than that.
_POSITIONAL: dict[str, list[Any]] = {"POSTPONE": ["a", ""], "LOCK_STEP": ["a", ""], "LOCK_RUNNING": ["a", "", 1]}


def _statements() -> Iterator[tuple[str, str]]:
    """Every statement of the engine that names a partitioned table."""
    modules = [hot]
    for package in (shared.engine, services.worker, services.worker.loops):
        names = [each.name for each in pkgutil.iter_modules(package.__path__, f"{package.__name__}.")]
        modules += [importlib.import_module(name) for name in names if not name.endswith("__main__")]
    for module in modules:
        for name, value in vars(module).items():
            if (
                name.isupper()
                and name[0] != "_"
                and isinstance(value, str)
                and "COPY" not in value
                and value is not hot.APPEND_STATS  # a part of others
                and _TABLES.search(value)
            ):
                yield f"{module.__name__}.{name}", value


STATEMENTS = dict(_statements())


_ROWS = (
    "keys",
    "claims",
    "kept",
    "changed",
    "added",
    "stored",
    "executions",
    "limits",
    "counted",
    "errors",
    "scopes",
    "ranges",
    "letters",
    "steps",
    "asks",
    "referring",
    "ended",
    "used",
    "first_steps",
    "calls",
)


def _values(execution_id: UUID, horizon: Horizon) -> dict[str, Any]:
    """A value for every named parameter of the engine: a batch of one step."""
    return {
        **dict.fromkeys(["opened", "waiting", "total_steps", "root_count", "ahead_s", "priority"], 1),
        **dict.fromkeys(["resolved", "reused"], 1),
        **dict.fromkeys(["depth", "ai_tokens", "api_calls", "ai_cost_nano"], 1),
        **dict.fromkeys(["lease_s", "republish_s", "after_s", "age_s", "longest_s"], 5.0),
        **dict.fromkeys(
            [
                "id",
                "workflow_id",
                "version_id",
                "user_id",
                "trigger_id",
                "parent_id",
                "retry_of",
                "on_failure",
                "first",
                "kept_from",
            ],
            execution_id,
        ),
        **dict.fromkeys(["ids", "completing", "starting"], f"{{{execution_id}}}"),
        **dict.fromkeys(_ROWS, "[]"),
        "status": 200,
        "headers": "{}",
        "body": b"",
        "nodes": ["a"],
        "copied": ["a"],
        "items": [""],
        "node": "a",
        "item": "",
        "fence": 1,
        "blob": "b",
        "ref": "{}",
        "preview": "p",
        "most": 1,
        "roots": ["a"],
        "root_counts": [1],
        "queued_reason": None,
        "low": "",
        "high": "",
        "fences": [1],
        "pools": ["default"],
        "priorities": [1],
        "reached": [None],
        "empty": [True],
        "worker": "w",
        "state": "failed",
        "stopping": "fail",
        "ends_as": "failed",
        "error": "{}",
        "message": "m",
        "answer": "{}",
        "input": "{}",
        "trigger_type": "api",
        "awaited": True,
        "limit": 500,
        "days": 30,
        "after": UUID(int=0),
        "week": week_of(execution_id),
        "first_id": execution_id,
        "end_id": execution_id,
        "without": [],
        "rows": "{}",
        "bytes": 0,
        **horizon._asdict(),
    }


@pytest.fixture(scope="module")
def wide_url(session_postgres: Any, template_database: str) -> Iterator[str]:
    """A database with a hundred weeks, those of now in their midst."""
    name = "test_hundred_weeks"
    create_database(session_postgres, name, template_database)
    url = session_postgres.url_of(name)
    with connect(url, application_name="test", autocommit=True) as connection:
        first = monday(datetime.now(UTC)) - timedelta(weeks=WEEKS // 2)
        with connection.transaction():
            for week in range(WEEKS):
                ensure_week(connection, first + timedelta(weeks=week))
    yield url
    drop_database(session_postgres, name)


@pytest.fixture
def wide_connection(wide_url: str) -> Iterator[psycopg.Connection[Any]]:
    """A connection to it."""
    with connect(wide_url, application_name="test", autocommit=True) as connection:
        yield connection


def _partitions(plan: Any) -> set[str]:
    """The partitions that an EXPLAIN in JSON names."""
    if isinstance(plan, list):
        return {name for each in plan for name in _partitions(each)}
    if not isinstance(plan, dict):
        return set()
    own = {name for name in [plan.get("Relation Name", "")] if _PARTITION.search(name)}
    return own.union(*(_partitions(value) for value in plan.values()))


@pytest.mark.parametrize("name", STATEMENTS)
def test_statement_opens_at_most_three_partitions_of_a_table(
    wide_connection: psycopg.Connection[Any], name: str
) -> None:
    row = wide_connection.execute("SELECT uuid7()").fetchone()
    assert row is not None
    execution_id = row[0]
    statement = hot.on_week(STATEMENTS[name], week_of(execution_id))
    horizon = live_horizon(wide_connection) if "%(limit)s" in statement else Horizon(execution_id, execution_id)
    values: Any = _values(execution_id, horizon)
    if "%s" in statement:
        values = [execution_id, *_POSITIONAL.get(name.rpartition(".")[2], [])]
    plan = wide_connection.execute(f"EXPLAIN (FORMAT JSON) {statement}", values).fetchone()
    assert plan is not None
    opened = _partitions(plan[0])
    assert opened or "INSERT_" in name
    for table in PARTITIONED:
        assert len([each for each in opened if each.rpartition("_p")[0] == table]) <= MOST, plan[0]


KEYED = (
    *("LOCK_EXECUTIONS", "LOCK_STEPS", "READ_EXECUTIONS", "START", "CLAIM", "COMPLETE", "READ_VALUES", "CANCEL_OPEN"),
    *("COUNT_CHILDREN", "CANCEL_WITHIN", "READ_RESULTS", "END_ALONE", "WRITE_LEDGER"),
)


@pytest.mark.parametrize("name", KEYED)
def test_kept_plans_look_rows_up_by_their_whole_key(wide_url: str, name: str) -> None:
    """Planned once, on partitions as empty as on a Monday morning, and still right when they are full."""
    with connect(wide_url, application_name="test", autocommit=True, plans=Plans.KEPT) as connection:
        row = connection.execute("SELECT uuid7()").fetchone()
        assert row is not None
        statement = hot.on_week(
            getattr({"END_ALONE": alone, "WRITE_LEDGER": ledger}.get(name, hot), name), week_of(row[0])
        )
        values = _values(row[0], Horizon(row[0], row[0]))
        wire = wire_of(connection)
        wire.send(statement, values)
        wire.round_trip()
        prepared = connection.execute(
            "SELECT name, parameter_types FROM pg_prepared_statements WHERE statement LIKE '%\\_p2%'"
        )
        found, types = prepared.fetchall()[0]
        arguments = sql.SQL(", ").join([sql.Literal(None)] * len(types))
        explain = sql.SQL("EXPLAIN (FORMAT JSON) EXECUTE {} ({})").format(sql.Identifier(found), arguments)
        plan = connection.execute(explain).fetchone()
    assert plan is not None
    scans = list(_scans(plan[0]))
    assert scans, plan
    for table, condition in scans:
        assert "id = " in condition
        assert table.startswith("executions") or "node = " in condition or name == "CANCEL_OPEN", condition


def _scans(plan: Any) -> Iterator[tuple[str, str]]:
    """Every scan of a partition: what is read, and the condition on its index (none where all of it is read)."""
    if isinstance(plan, list):
        for each in plan:
            yield from _scans(each)
    elif isinstance(plan, dict):
        scanned = plan.get("Index Name") or plan.get("Relation Name", "")
        if (
            plan.get("Node Type") in ("Seq Scan", "Index Scan", "Index Only Scan", "Bitmap Index Scan")
            and "_p2" in scanned
        ):
            yield scanned, plan.get("Index Cond", "")
        for value in plan.values():
            yield from _scans(value)


def test_the_statements_were_found() -> None:
    assert {"shared.db.hot.CLAIM", "shared.engine.sweep.REPUBLISH", "shared.engine.wake.SLEEPERS"} <= set(STATEMENTS)


def test_live_horizon_reaches_back_to_the_oldest_live_execution(wide_connection: psycopg.Connection[Any]) -> None:
    add = (
        "INSERT INTO executions (id, workflow_id, version_id, user_id, total_steps, open_steps, trigger_type, state)"
        " VALUES (uuid7_floor(now() - make_interval(weeks => %s)), uuid7(), uuid7(), uuid7(), 1, 1, 'api', %s) RETURNING id"
    )
    with wide_connection.transaction(force_rollback=True):
        wide_connection.execute(add, (20, "success"))
        none_live = live_horizon(wide_connection)
        oldest = wide_connection.execute(add, (10, "waiting")).fetchone()
        wide_connection.execute(add, (5, "running"))
        assert oldest is not None
        assert live_horizon(wide_connection).lo == oldest[0] < none_live.lo
        assert live_horizon(wide_connection).hi > none_live.lo


def test_partitions_are_made_once_and_hold_their_week(database_url: str) -> None:
    with connect(database_url, application_name="test") as connection:
        assert ensure_partitions(connection) == []
        connection.commit()
        week = monday(datetime.now(UTC)) + timedelta(weeks=30)
        assert ensure_week(connection, week) == [partition_name(table, week) for table in PARTITIONED]
        assert ensure_week(connection, week) == []
        row = connection.execute(
            "INSERT INTO executions (id, workflow_id, version_id, user_id, total_steps, open_steps, trigger_type)"
            " VALUES (uuid7_floor(%s), uuid7(), uuid7(), uuid7(), 1, 1, 'api') RETURNING tableoid::regclass::text",
            (week + timedelta(days=6, hours=23),),
        ).fetchone()
        assert row == (partition_name("executions", week),)


def test_four_first_starts_in_a_week_without_partitions(database_url: str) -> None:
    """They make the partitions together; none of them fails, and one that rolls back leaves no wrong memory."""
    week = monday(datetime.now(UTC)) + timedelta(weeks=40)
    barrier = threading.Barrier(4)

    def make(_: int) -> list[str]:
        with connect(database_url, application_name="test") as connection:
            barrier.wait(10)
            return ensure_week(connection, week)

    with ThreadPoolExecutor(4) as threads:
        made = list(threads.map(make, range(4)))
    assert sorted(map(len, made)) == [0, 0, 0, len(PARTITIONED)]


def test_hot_tables_leave_room_for_updates_on_the_page(database_url: str) -> None:
    with connect(database_url, application_name="test") as connection:
        week = monday(datetime.now(UTC))
        for table in ("executions", "steps"):
            row = connection.execute(
                "SELECT reloptions FROM pg_class WHERE relname = %s", (partition_name(table, week),)
            ).fetchone()
            assert row is not None
            assert "fillfactor=60" in row[0]
