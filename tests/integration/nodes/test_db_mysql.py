"""`db.query` against a real MariaDB: values, limits, and what must not be possible."""

import asyncio
import json
import time
from pathlib import Path
from typing import Any

import pytest

from shared.nodes.testing import RecordingContext
from tests.integration.nodes.certificates import certificate
from tests.integration.nodes.databases import context_for, query, refused, run, until, value
from tests.servers.mariadb import READY_S, USER, MariaDB

VALUES: list[tuple[str, Any, str | None]] = [
    ("NULL", None, "null"),
    ("TRUE", 1, "int"),
    ("18446744073709551615", 18446744073709551615, "bigint"),
    ("12.340", "12.340", "decimal"),
    ("SUM(1)", "1", "decimal"),
    ("1.5e0", 1.5, "double"),
    ("'ü''x\\''", "ü'x'", "varchar"),
    ("DATE '2026-11-27'", "2026-11-27", "date"),
    ("TIMESTAMP '2026-11-27 10:00:00.500'", "2026-11-27T10:00:00.500", "datetime"),
    ("TIME '10:00:00'", "10:00:00", "time"),
    ("X'00FF'", {"base64": "AP8=", "contentType": "application/octet-stream", "bytes": 2}, None),
    ("CONCAT('a', CHAR(0 USING utf8mb4))", {"base64": "YQA=", "contentType": "text/plain", "bytes": 2}, None),
    ("b'101'", {"base64": "BQ==", "contentType": "application/octet-stream", "bytes": 1}, None),
]


def mysql(server: MariaDB, database: str, **fields: Any) -> RecordingContext:
    known = {"host": "127.0.0.1", "port": server.port, "database": database, "username": USER, "tls": "disable"}
    return context_for("mysql", **(known | {"password": server.password} | fields))


def prepared(server: MariaDB, database: str, *statements: str) -> None:
    """Run statements on a connection of the tests' own."""
    with server.connect() as connection, connection.cursor() as cursor:
        for statement in (f"USE {database}", *statements):
            cursor.execute(statement)


def test_each_type_becomes_json(session_mariadb: MariaDB, mariadb_database: str) -> None:
    async def scenario() -> None:
        context = mysql(session_mariadb, mariadb_database)
        for sql, expected, kind in VALUES:
            output = await query(context, f"SELECT {sql} AS v")
            assert output["rows"] == [{"v": expected}], sql
            assert kind is None or output["columns"] == [{"name": "v", "type": kind}], sql
            json.dumps(output, allow_nan=False)

    run(scenario())


def test_parameters_are_bound_wherever_they_stand(session_mariadb: MariaDB, mariadb_database: str) -> None:
    async def scenario() -> None:
        context = mysql(session_mariadb, mariadb_database)
        evil = "\\'; DROP TABLE x; -- \" 🎉 \x00"
        output = await query(
            context,
            "SELECT HEX(:a) AS a, ':a\\':a' AS b, \"\\\":a\" AS c, 5--:n AS n, :flag AS f, :none AS z, "
            "JSON_EXTRACT(:doc, '$.k[0]') AS k, :big AS g -- :a\n # :a\n /* :a */ LIMIT :n;",
            {"a": evil, "n": 4, "flag": True, "none": None, "doc": {"k": ["ü"]}, "big": 2**70},
        )
        (row,) = output["rows"]
        assert bytes.fromhex(row.pop("a")).decode() == evil
        assert row == {"b": ":a':a", "c": '":a', "n": 9, "f": 1, "z": None, "k": '"ü"', "g": str(2**70)}
        await query(context, "CREATE TABLE t (a varchar(20) COLLATE utf8mb4_german2_ci)", mode="write")
        await query(context, "INSERT INTO t VALUES (:1), (:2)", ["ä", "b"], mode="write")
        assert await value(context, "SELECT COUNT(*) FROM t WHERE a = :1", ["Ä"]) == 1
        for sql, said in (
            ("SELECT ?", ":name"),
            ("SELECT 1; SELECT 2", "one statement"),
            ("SELECT /*!50000 1 */", "executed"),
            ("SELECT /*M! 1 */", "executed"),
            ("SELECT 'open\\'", "never closed"),
            ("SELECT 1 INTO OUTFILE '/tmp/x'", "files"),
        ):
            error = await refused(context, sql)
            assert said in error.message

    run(scenario())


def test_a_change_is_committed_counted_and_may_return_rows(session_mariadb: MariaDB, mariadb_database: str) -> None:
    async def scenario() -> None:
        context = mysql(session_mariadb, mariadb_database)
        await query(context, "CREATE TABLE t (id int PRIMARY KEY, name text)", mode="write")
        added = await query(context, "INSERT INTO t VALUES (1, :1), (2, :1) RETURNING id", ["a"], mode="write")
        assert (added["rows"], added["rowCount"]) == ([{"id": 1}, {"id": 2}], 2)
        same = await query(context, "UPDATE t SET name = 'a'", mode="write")
        assert (same["rows"], same["rowCount"]) == ([], 2)
        assert await value(context, "SELECT COUNT(*) FROM t") == 2
        twice = await refused(context, "INSERT INTO t VALUES (1, 'x')", mode="write")
        assert (twice.code, twice.retryable) == ("DB_ERROR", False)
        assert "1062" in twice.message
        assert (await refused(context, "SELECT * FROM missing")).code == "DB_SYNTAX"
        assert (await refused(context, "SELECT FROM")).code == "DB_SYNTAX"
        prepared(
            session_mariadb,
            mariadb_database,
            "CREATE PROCEDURE p() BEGIN SELECT 1 AS a; SELECT 2 AS b; INSERT INTO t VALUES (3, 'p'); END",
        )
        assert (await query(context, "CALL p()", mode="write"))["rows"] == [{"a": 1}]
        assert await value(context, "SELECT COUNT(*) FROM t") == 3

    run(scenario())


@pytest.mark.parametrize(
    "sql",
    [
        "INSERT INTO t VALUES (8)",
        "DROP TABLE t",
        "SET SESSION TRANSACTION READ WRITE",
        "COMMIT",
        "CALL changes()",
        "SELECT writes()",
        "SELECT id INTO OUTFILE '{out}' FROM t",
        "SELECT id INTO DUMPFILE '{out}' FROM t",
        "SELECT 1 /*! INTO OUTFILE '{out}' */",
        'SELECT "\\" INTO OUTFILE \'{out}\' -- " AS x',
        "LOAD DATA LOCAL INFILE '/etc/passwd' INTO TABLE t",
        "LOAD DATA INFILE '/etc/passwd' INTO TABLE t",
        "ANALYZE DELETE FROM t",
        "WITH x AS (SELECT 1) DELETE FROM t",
        "SELECT NEXTVAL(s)",
    ],
)
def test_nothing_is_changed_in_mode_read(
    session_mariadb: MariaDB, mariadb_database: str, tmp_path: Path, sql: str
) -> None:
    tmp_path.chmod(0o777)
    out = tmp_path / "owned"

    async def scenario() -> None:
        context = mysql(session_mariadb, mariadb_database)
        prepared(
            session_mariadb,
            mariadb_database,
            "CREATE TABLE t (id int)",
            "INSERT INTO t VALUES (7)",
            "CREATE SEQUENCE s",
            "CREATE PROCEDURE changes() BEGIN COMMIT; SET SESSION TRANSACTION READ WRITE; INSERT INTO t VALUES (8); END",
            "CREATE FUNCTION writes() RETURNS int BEGIN INSERT INTO t VALUES (8); RETURN 1; END",
        )
        try:
            await query(context, sql.format(out=out))
        except Exception as error:
            assert getattr(error, "code", "") in {"DB_READ_ONLY", "INVALID_PARAMS", "DB_SYNTAX"}, error
        assert not out.exists()
        assert (await query(context, "SELECT id FROM t"))["rows"] == [{"id": 7}]
        assert await value(context, "SELECT LASTVAL(s)") is None

    run(scenario())


def test_rows_and_bytes_are_capped(session_mariadb: MariaDB, mariadb_database: str) -> None:
    async def scenario() -> None:
        context = mysql(session_mariadb, mariadb_database)
        begun = time.monotonic()
        output = await query(context, "SELECT seq FROM seq_1_to_100000000", maxRows=3)
        assert output["rows"] == [{"seq": 1}, {"seq": 2}, {"seq": 3}]
        assert (output["rowCount"], output["truncated"]) == (3, True)
        output = await query(context, "SELECT REPEAT('x', 1000) AS x FROM seq_1_to_1000", maxBytes=10_000)
        assert 5 <= len(output["rows"]) <= 10
        assert output["truncated"]
        large = await refused(context, "SELECT REPEAT('x', 50000000)", maxBytes=100_000)
        assert large.code == "ROW_TOO_LARGE"
        assert time.monotonic() - begun < 30
        await nothing_runs(session_mariadb, mariadb_database)

    run(scenario())


async def nothing_runs(server: MariaDB, database: str) -> None:
    """Wait until no other connection to the database is left."""
    context = mysql(server, database)
    others = "SELECT COUNT(*) FROM information_schema.processlist WHERE db = :1 AND id <> CONNECTION_ID()"
    await until(context, others, [database], lambda count: count == 0)


ENDLESS = ("SELECT SLEEP(3600)", "SELECT COUNT(*) FROM seq_1_to_1000000000 a, seq_1_to_1000000000 b")


@pytest.mark.parametrize("sql", ENDLESS)
def test_a_cancel_returns_at_once_and_stops_the_database_too(
    session_mariadb: MariaDB, mariadb_database: str, sql: str
) -> None:
    async def scenario() -> None:
        context, watcher = (mysql(session_mariadb, mariadb_database) for _ in range(2))
        task = asyncio.ensure_future(query(context, sql))
        running = (
            "SELECT COUNT(*) FROM information_schema.processlist WHERE db = :1 AND id <> CONNECTION_ID() "
            "AND (info = :2 OR info LIKE 'EXECUTE%')"
        )
        await until(watcher, running, [mariadb_database, sql], bool)
        begun = time.monotonic()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert time.monotonic() - begun < 1
        await nothing_runs(session_mariadb, mariadb_database)

    run(scenario())


def test_the_time_limit_is_also_the_databases(session_mariadb: MariaDB, mariadb_database: str) -> None:
    async def scenario() -> None:
        context = mysql(session_mariadb, mariadb_database)
        for sql in ENDLESS:
            error = await refused(context, sql, timeoutMs=500)
            assert (error.code, error.retryable) == ("DB_TIMEOUT", True)
        await nothing_runs(session_mariadb, mariadb_database)

    run(scenario())


def test_logins_tls_and_addresses_that_do_not_work_are_named(
    session_mariadb: MariaDB, mariadb_database: str, tmp_path: Path
) -> None:
    async def without_tls() -> None:
        wrong = await refused(mysql(session_mariadb, mariadb_database, password="hunter22"), "SELECT 1")
        assert (wrong.code, wrong.retryable) == ("DB_LOGIN", False)
        assert "hunter22" not in wrong.message
        assert (await refused(mysql(session_mariadb, "missing"), "SELECT 1")).code == "DB_LOGIN"
        for tls in ("require", "verify-full"):
            assert (await refused(mysql(session_mariadb, mariadb_database, tls=tls), "SELECT 1")).code == "DB_TLS"
        private = await refused(mysql(session_mariadb, mariadb_database, host="10.0.0.1"), "SELECT 1")
        assert private.code == "ADDRESS_NOT_ALLOWED"
        nobody = await refused(mysql(session_mariadb, mariadb_database, port=1), "SELECT 1")
        assert (nobody.code, nobody.retryable) == ("DB_CONNECT", True)

    async def with_tls() -> None:
        cipher = "SELECT variable_value FROM information_schema.session_status WHERE variable_name = 'Ssl_cipher'"
        assert await value(mysql(session_mariadb, mariadb_database, tls="require"), cipher)
        pem = file.read_text()
        known = {"tls": "verify-full", "host": "localhost", "caCertificate": pem[pem.index("-----BEGIN CERT") :]}
        full = mysql(session_mariadb, mariadb_database, **known)
        assert await value(full, cipher)
        untrusted = await refused(mysql(session_mariadb, mariadb_database, tls="verify-full"), "SELECT 1")
        assert untrusted.code == "DB_TLS"
        other = await refused(mysql(session_mariadb, mariadb_database, **(known | {"host": "127.0.0.1"})), "SELECT 1")
        assert other.code == "DB_TLS"

    run(without_tls())
    _, file = certificate(tmp_path, "localhost")
    session_mariadb.use_tls(file)
    try:
        run(with_tls())
    finally:
        session_mariadb.tls = None
        session_mariadb.stop()
        session_mariadb.start()
        session_mariadb.wait_ready(READY_S)
