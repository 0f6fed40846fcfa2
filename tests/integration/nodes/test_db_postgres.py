"""`db.query` against a real Postgres: values, limits, and what must not be possible."""

import asyncio
import json
import resource
import time
from typing import Any

import pytest

from services.standalone.servers.postgres import Postgres
from tests.integration.nodes.databases import database_of, postgres_context, query, refused, run, until, value

VALUES: list[tuple[str, Any, str]] = [
    ("NULL::int", None, "int4"),
    ("true", True, "bool"),
    ("9223372036854775807::bigint", 9223372036854775807, "int8"),
    ("12.340::numeric", "12.340", "numeric"),
    ("sum(x)::numeric FROM generate_series(1, 3) x", "6", "numeric"),
    ("'NaN'::numeric", "NaN", "numeric"),
    ("0.1::float8", 0.1, "float8"),
    ("'NaN'::float8", "NaN", "float8"),
    ("'-Infinity'::float4", "-Infinity", "float4"),
    ("'ü''x'::text", "ü'x", "text"),
    ("date '2026-11-27'", "2026-11-27", "date"),
    ("timestamp '2026-11-27 10:00:00.5'", "2026-11-27T10:00:00.5", "timestamp"),
    ("timestamptz '2026-11-27 10:00:00+02'", "2026-11-27T08:00:00+00:00", "timestamptz"),
    ("'infinity'::timestamptz", "infinity", "timestamptz"),
    ("timestamp '20261-01-01'", "20261-01-01T00:00:00", "timestamp"),
    ("time '10:00'", "10:00:00", "time"),
    ("interval '1 day 2 hours'", "P1DT2H", "interval"),
    (
        "'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11'::uuid",
        "a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11",
        "uuid",
    ),
    ("'\\x00ff'::bytea", {"base64": "AP8=", "contentType": "application/octet-stream", "bytes": 2}, "bytea"),
    ("'{\"n\": 12345678901234567890123}'::jsonb", {"n": 12345678901234567890123}, "jsonb"),
    ('\'{"a": "\\u0000"}\'::json', '{"a": "\\u0000"}', "json"),
    ("ARRAY[1, NULL, 3]", [1, None, 3], "int4[]"),
    ("ARRAY[['a,b', '\"c\\'], ['{', 'NULL']]", [["a,b", '"c\\'], ["{", "NULL"]], "text[]"),
    ("'[0:1]={1,2}'::int[]", [1, 2], "int4[]"),
    ("'{}'::text[]", [], "text[]"),
    ("ARRAY['{\"a\": 1}'::jsonb]", [{"a": 1}], "jsonb[]"),
    ("ARRAY[1.10, 2]", ["1.10", "2"], "numeric[]"),
    ("'10.0.0.1/8'::inet", "10.0.0.1/8", "inet"),
    ("int4range(1, 5)", "[1,5)", "int4range"),
    ("ROW(1, 'a')", "(1,a)", "record"),
]


@pytest.fixture
def database(empty_database_url: str) -> str:
    """The name of an empty database."""
    return database_of(empty_database_url)


def test_each_type_becomes_json(session_postgres: Postgres, database: str) -> None:
    async def scenario() -> None:
        context = postgres_context(session_postgres, database)
        for sql, expected, kind in VALUES:
            output = await query(context, f"SELECT {sql}")
            assert list(output["rows"][0].values()) == [expected], sql
            assert output["columns"][0]["type"] == kind, sql
            json.dumps(output, allow_nan=False)

    run(scenario())


def test_parameters_are_bound_wherever_they_stand(session_postgres: Postgres, database: str) -> None:
    async def scenario() -> None:
        context = postgres_context(session_postgres, database)
        evil = "'; DROP TABLE x; --"
        output = await query(
            context,
            "SELECT :a::text AS a, ':a' AS b, $$:a$$ AS c, E'\\':a' AS \":a\", /* :a /* :a */ */ :b::int + 1 AS n, "
            "(ARRAY[1,2,3])[1:2] AS s, :flag::bool AS f, :list::int[] AS l, :doc::jsonb AS d, :none::int AS z -- :a\n;",
            {"a": evil, "b": 4, "flag": True, "list": [1, None, 2], "doc": {"k": ["ü"]}, "none": None},
        )
        assert output["rows"] == [
            {
                "a": evil,
                "b": ":a",
                "c": ":a",
                ":a": "':a",
                "n": 5,
                "s": [1, 2],
                "f": True,
                "l": [1, None, 2],
                "d": {"k": ["ü"]},
                "z": None,
            }
        ]
        assert await value(context, "SELECT 5 WHERE 3 = ANY(:1) AND :2 = 'x'", [[1, 2, 3], "x"]) == 5
        same = await query(context, "SELECT 1 AS id, 2 AS id, 3 AS id")
        assert same["rows"] == [{"id": 1, "id_2": 2, "id_3": 3}]
        for sql, params, said in (
            ("SELECT :a", {}, "no value"),
            ("SELECT 1", {"a": 1}, "no :a"),
            ("SELECT $1", {}, ":name"),
            ("SELECT 1; SELECT 2", {}, "one statement"),
            ("SELECT 'open", {}, "never closed"),
            ("SELECT $x$ open", {}, "never closed"),
            ("SELECT /* /* */", {}, "never closed"),
            (" -- nothing", {}, "no statement"),
            ("SELECT :a::text", {"a": "\x00"}, "NUL"),
        ):
            error = await refused(context, sql, params)
            assert error.code == "INVALID_PARAMS"
            assert said in error.message

    run(scenario())


def test_a_change_is_committed_counted_and_may_return_rows(session_postgres: Postgres, database: str) -> None:
    async def scenario() -> None:
        context = postgres_context(session_postgres, database)
        created = await query(context, "CREATE TABLE t (id int PRIMARY KEY, name text)", mode="write")
        assert (created["rows"], created["rowCount"]) == ([], 0)
        insert = "INSERT INTO t SELECT x, :name FROM generate_series(1, 10) x"
        assert (await query(context, insert, {"name": "a"}, mode="write"))["rowCount"] == 10
        update = await query(context, "UPDATE t SET name = 'b' WHERE id > 5 RETURNING id", mode="write", maxRows=2)
        assert (update["rows"], update["rowCount"], update["truncated"]) == ([{"id": 6}, {"id": 7}], 5, True)
        assert await value(context, "SELECT count(*) FROM t WHERE name = 'b'") == 5
        twice = await refused(context, insert, {"name": "a"}, mode="write")
        assert (twice.code, twice.retryable) == ("DB_ERROR", False)
        assert "23505" in twice.message
        assert (await refused(context, "SELECT * FROM missing")).code == "DB_SYNTAX"

    run(scenario())


@pytest.mark.parametrize(
    ("sql", "codes"),
    [
        ("INSERT INTO t VALUES (1)", {"DB_READ_ONLY"}),
        ("DROP TABLE t", {"DB_READ_ONLY"}),
        ("SET TRANSACTION READ WRITE", {"DB_READ_ONLY"}),
        ("COMMIT; DROP TABLE t", {"INVALID_PARAMS"}),
        ("COMMIT", {"DB_READ_ONLY"}),
        ("COPY (SELECT 1) TO PROGRAM 'touch /tmp/owned'", {"DB_READ_ONLY"}),
        ("DO $$ BEGIN COMMIT; DROP TABLE t; END $$", {"DB_READ_ONLY"}),
        ("WITH x AS (DELETE FROM t RETURNING 1) SELECT * FROM x", {"DB_READ_ONLY"}),
        ("EXPLAIN ANALYZE DELETE FROM t", {"DB_READ_ONLY"}),
        ("SELECT * INTO u FROM t", {"DB_READ_ONLY"}),
        ("SELECT writes()", {"DB_READ_ONLY"}),
        ("SELECT commits()", {"DB_ERROR", "DB_SYNTAX"}),
        ("SELECT opens()", {"DB_READ_ONLY", "DB_ERROR"}),
        ("SELECT set_config('transaction_read_only', 'off', false), writes()", {"DB_READ_ONLY", "DB_ERROR"}),
        ("SELECT nextval('s')", {"DB_READ_ONLY"}),
        ("SELECT lo_create(0)", {"DB_READ_ONLY"}),
        ("SELECT * FROM t FOR UPDATE", {"DB_READ_ONLY"}),
    ],
)
def test_nothing_is_changed_in_mode_read(session_postgres: Postgres, database: str, sql: str, codes: set[str]) -> None:
    async def scenario() -> None:
        context = postgres_context(session_postgres, database, admin=True)
        for setup in (
            "CREATE TABLE t (id int)",
            "INSERT INTO t VALUES (7)",
            "CREATE SEQUENCE s",
            "CREATE FUNCTION writes() RETURNS int LANGUAGE sql AS 'INSERT INTO t VALUES (8) RETURNING id'",
            "CREATE FUNCTION commits() RETURNS int LANGUAGE plpgsql AS 'BEGIN COMMIT; INSERT INTO t VALUES (8); RETURN 1; END'",
            (
                "CREATE FUNCTION opens() RETURNS int LANGUAGE plpgsql AS $$ BEGIN "
                "PERFORM set_config('transaction_read_only', 'off', true); INSERT INTO t VALUES (8); RETURN 1; END $$"
            ),
        ):
            await query(context, setup, mode="write")
        error = await refused(context, sql)
        assert error.code in codes, error.message
        assert await value(context, "SELECT array_agg(id) FROM t") == [7]

    run(scenario())


def test_control_of_the_transaction_and_copy_are_refused_in_mode_write_too(
    session_postgres: Postgres, database: str
) -> None:
    async def scenario() -> None:
        context = postgres_context(session_postgres, database, admin=True)
        for sql in (
            "COMMIT",
            "COPY (SELECT 1) TO PROGRAM 'true'",
            "SET statement_timeout = 0",
            "PREPARE x AS SELECT 1",
        ):
            assert (await refused(context, sql, mode="write")).code == "INVALID_PARAMS"

    run(scenario())


def test_rows_and_bytes_are_capped_and_the_database_stops(session_postgres: Postgres, database: str) -> None:
    async def scenario() -> None:
        context = postgres_context(session_postgres, database)
        endless = "WITH RECURSIVE r(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM r) SELECT n FROM r"
        begun = time.monotonic()
        output = await query(context, endless, maxRows=3)
        assert output["rows"] == [{"n": 1}, {"n": 2}, {"n": 3}]
        assert (output["rowCount"], output["truncated"]) == (3, True)
        output = await query(context, "SELECT repeat('x', 1000) AS x FROM generate_series(1, 1000)", maxBytes=10_000)
        assert 5 <= len(output["rows"]) <= 10
        assert output["truncated"]
        exact = await query(context, "SELECT * FROM generate_series(1, 3)", maxRows=3)
        assert not exact["truncated"]
        before_kb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        large = await refused(context, "SELECT repeat('x', 100000000)", maxBytes=100_000)
        assert large.code == "ROW_TOO_LARGE"
        assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before_kb < 50_000
        whole = await query(context, "SELECT repeat('y', 5000000) AS y", {}, maxBytes=8_000_000)
        assert whole["rows"] == [{"y": "y" * 5_000_000}]
        assert time.monotonic() - begun < 50
        await nothing_runs(session_postgres, database)

    run(scenario())


async def nothing_runs(server: Postgres, database: str) -> None:
    """Wait until no other connection to the database is left."""
    context = postgres_context(server, database)
    others = "SELECT count(*) FROM pg_stat_activity WHERE datname = :name AND pid <> pg_backend_pid()"
    await until(context, others, {"name": database}, lambda count: count == 0)


ENDLESS = (
    "SELECT pg_sleep(3600)",
    "SELECT count(*) FROM generate_series(1, 1000000000000) a",
    "WITH RECURSIVE r(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM r) SELECT max(n) FROM r",
)


@pytest.mark.parametrize("sql", ENDLESS)
def test_a_cancel_returns_at_once_and_stops_the_database_too(
    session_postgres: Postgres, database: str, sql: str
) -> None:
    async def scenario() -> None:
        context, watcher = (postgres_context(session_postgres, database) for _ in range(2))
        task = asyncio.ensure_future(query(context, sql))
        running = "SELECT count(*) FROM pg_stat_activity WHERE datname = :name AND state = 'active' AND query = :sql"
        await until(watcher, running, {"name": database, "sql": sql}, bool)
        begun = time.monotonic()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert time.monotonic() - begun < 1
        await nothing_runs(session_postgres, database)

    run(scenario())


def test_the_time_limit_is_also_the_databases(session_postgres: Postgres, database: str) -> None:
    async def scenario() -> None:
        context = postgres_context(session_postgres, database)
        error = await refused(context, ENDLESS[0], timeoutMs=500)
        assert (error.code, error.retryable) == ("DB_TIMEOUT", True)
        error = await refused(context, "CREATE TABLE x AS SELECT 1 FROM pg_sleep(3600)", timeoutMs=500, mode="write")
        assert (error.code, error.retryable) == ("DB_TIMEOUT", False)
        await nothing_runs(session_postgres, database)

    run(scenario())


def test_logins_and_addresses_that_do_not_work_are_named(
    session_postgres: Postgres, database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PGPASSWORD", "from the environment")
    monkeypatch.setenv("PGOPTIONS", "-c nonsense=1")
    monkeypatch.setenv("PGHOSTADDR", "10.0.0.1")
    monkeypatch.setenv("PGSSLMODE", "verify-full")

    async def scenario() -> None:
        context = postgres_context(session_postgres, database)
        assert await value(context, "SELECT current_setting('application_name')") == "Flowversal"
        wrong = await refused(postgres_context(session_postgres, database, password="hunter22"), "SELECT 1")
        assert (wrong.code, wrong.retryable) == ("DB_LOGIN", False)
        assert "hunter22" not in wrong.message
        empty = await refused(postgres_context(session_postgres, database, password=""), "SELECT 1")
        assert empty.code == "DB_LOGIN"
        missing = await refused(postgres_context(session_postgres, "missing"), "SELECT 1")
        assert missing.code == "DB_LOGIN"
        for tls in ("require", "verify-full"):
            plain = await refused(postgres_context(session_postgres, database, tls=tls), "SELECT 1")
            assert plain.code == "DB_TLS", plain.message
        private = await refused(postgres_context(session_postgres, database, host="10.0.0.1"), "SELECT 1")
        assert private.code == "ADDRESS_NOT_ALLOWED"
        nobody = await refused(postgres_context(session_postgres, database, port=1), "SELECT 1")
        assert (nobody.code, nobody.retryable) == ("DB_CONNECT", True)

    run(scenario())
