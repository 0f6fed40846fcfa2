"""`db.query` on SQLite files: values, limits, and that nothing but the operator's files can be reached."""

import asyncio
import sqlite3
import time
from pathlib import Path
from typing import Any

import pytest

from shared.credentials.catalogue import credential_types
from shared.net.client import make_network
from shared.nodes.base import NodeError
from shared.nodes.testing import RecordingContext
from shared.settings import Settings
from tests.integration.nodes.databases import context_for, query, refused, run, value

ENDLESS = "WITH RECURSIVE r(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM r) SELECT {} FROM r"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """The operator's folder with a small database."""
    found = tmp_path / "allowed"
    (found / "sub").mkdir(parents=True)
    connection = sqlite3.connect(found / "sub" / "shop.db")
    connection.execute("CREATE TABLE t (id INTEGER PRIMARY KEY, name TEXT)")
    connection.execute("INSERT INTO t VALUES (7, 'ü')")
    connection.commit()
    connection.close()
    return found


def shop(folder: Path | None, path: str = "sub/shop.db") -> RecordingContext:
    return context_for("sqlite", path=path, sqliteDir=folder)


def test_values_parameters_and_changes(folder: Path) -> None:
    async def scenario() -> None:
        context = shop(folder)
        output = await query(
            context,
            "SELECT id, name, 9223372036854775807 AS big, x'00ff' AS b, 9e999 AS inf, NULL AS z, 0.5 AS f, "
            "char(97, 0) AS nul, \":a\", [id], :a AS a, json_extract(:doc, '$.k[0]') AS k FROM t -- :b",
            {"a": "'; DROP TABLE t; --", "doc": {"k": ["v"]}},
        )
        (row,) = output["rows"]
        assert (row["id"], row["name"], row["big"], row["id_2"]) == (7, "ü", 9223372036854775807, 7)
        assert row["b"] == {"base64": "AP8=", "contentType": "application/octet-stream", "bytes": 2}
        assert (row["inf"], row["z"], row["f"], row["k"]) == ("Infinity", None, 0.5, "v")
        assert row["nul"]["bytes"] == 2
        assert row["a"] == "'; DROP TABLE t; --"
        assert output["columns"][:2] == [{"name": "id", "type": "integer"}, {"name": "name", "type": "text"}]
        insert = "INSERT INTO t (name) VALUES (:1), (:2) RETURNING id"
        added = await query(context, insert, ["a", None], mode="write")
        assert [row["id"] for row in added["rows"]] == [8, 9]
        assert (await query(context, "UPDATE t SET name = 'x'", mode="write"))["rowCount"] == 3
        assert await value(context, "SELECT count(*) FROM t WHERE name = 'x'") == 3
        big = await refused(context, "SELECT :a", {"a": 2**70})
        assert big.code == "INVALID_PARAMS"
        assert (await refused(context, "SELECT * FROM missing")).code == "DB_SYNTAX"
        assert (await refused(context, "SELEC 1")).code == "DB_READ_ONLY"
        assert (await refused(context, "SELECT FROM")).code == "DB_SYNTAX"

    run(scenario())


@pytest.mark.parametrize("mode", ["read", "write"])
@pytest.mark.parametrize(
    "sql",
    [
        "ATTACH DATABASE '{other}' AS o",
        "PRAGMA writable_schema = ON",
        "PRAGMA query_only = OFF",
        "VACUUM INTO '{other}.copy'",
        "SELECT load_extension('/lib/x.so')",
        "SELECT * FROM pragma_database_list",
        "SELECT writefile('{other}', 'x')",
        "SELECT readfile('{other}')",
        "SELECT 1; DROP TABLE t",
        "BEGIN",
        "COMMIT",
    ],
)
def test_other_files_settings_and_code_cannot_be_reached(folder: Path, tmp_path: Path, sql: str, mode: str) -> None:
    other = tmp_path / "other.db"
    sqlite3.connect(other).close()

    async def scenario() -> None:
        error = await refused(shop(folder), sql.format(other=other), mode=mode)
        assert error.code in {"DB_READ_ONLY", "DB_ERROR", "DB_SYNTAX", "INVALID_PARAMS"}
        assert await value(shop(folder), "SELECT count(*) FROM t") == 1

    run(scenario())
    assert not Path(f"{other}.copy").exists()


@pytest.mark.parametrize(
    "sql",
    ["DELETE FROM t", "INSERT INTO t VALUES (1, 'x')", "CREATE TEMP TABLE x (a)", "WITH x AS (SELECT 1) DELETE FROM t"],
)
def test_nothing_is_changed_in_mode_read(folder: Path, sql: str) -> None:
    async def scenario() -> None:
        assert (await refused(shop(folder), sql)).code == "DB_READ_ONLY"
        assert await value(shop(folder), "SELECT count(*) FROM t") == 1

    run(scenario())


def test_only_plain_files_below_the_folder_can_be_used(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "outside.db").write_bytes(b"")
    (folder / "link.db").symlink_to(tmp_path / "outside.db")
    (folder / "out").symlink_to(tmp_path)
    (folder / "text.db").write_text("no database " * 100)

    async def scenario() -> None:
        without = await refused(shop(None), "SELECT 1")
        assert without.code == "DB_NOT_ALLOWED"
        assert "FLOWVERSAL_SQLITE_DIR" in without.message
        for path in ("link.db", "out/outside.db", "missing.db", "sub"):
            assert (await refused(shop(folder, path), "SELECT 1")).code == "DB_NOT_ALLOWED"
        assert (await refused(shop(folder, "text.db"), "SELECT * FROM t")).code == "DB_ERROR"

    run(scenario())
    for path in ("../outside.db", "/etc/passwd", "a/../../b", "", "a\x00b", "."):
        with pytest.raises(ValueError, match="path"):
            credential_types()["sqlite"].fields.model_validate({"path": path})


def test_a_query_without_end_is_stopped_by_time_and_by_cancel(folder: Path) -> None:
    async def scenario() -> None:
        context = shop(folder)
        begun = time.monotonic()
        error = await refused(context, ENDLESS.format("max(n)"), timeoutMs=300)
        assert (error.code, error.retryable) == ("DB_TIMEOUT", True)
        assert time.monotonic() - begun < 5
        output = await query(context, ENDLESS.format("n"), maxRows=2)
        assert (output["rows"], output["truncated"]) == ([{"n": 1}, {"n": 2}], True)
        task = asyncio.ensure_future(query(context, ENDLESS.format("max(n)")))
        # It has begun in its thread.
        await asyncio.sleep(0.2)
        assert not task.done()
        begun = time.monotonic()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert time.monotonic() - begun < 1

    run(scenario())


@pytest.mark.parametrize(
    "sql", ["SELECT hex(zeroblob(900000000))", "SELECT replace(hex(zeroblob(400000)), '0', hex(zeroblob(400000)))"]
)
def test_a_huge_value_is_refused(folder: Path, sql: str) -> None:
    async def scenario() -> None:
        assert (await refused(shop(folder), sql, maxBytes=10_000)).code == "ROW_TOO_LARGE"

    run(scenario())


def test_a_statement_that_sorts_without_end_is_stopped_by_memory_and_fills_no_disk(folder: Path) -> None:
    async def scenario() -> None:
        wide = (
            "WITH RECURSIVE c(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM c) SELECT hex(randomblob(50000)) AS x FROM c"
        )
        error = await refused(shop(folder), f"{wide} ORDER BY x", timeoutMs=60_000)
        assert (error.code, error.retryable) == ("DB_ERROR", True)
        assert "of this worker need more than 256 MB of memory together" in error.message
        assert await value(shop(folder), "SELECT 1") == 1

    run(scenario())


def test_who_holds_the_file_is_waited_for_but_not_for_ever(folder: Path) -> None:
    async def scenario() -> None:
        holder = sqlite3.connect(folder / "sub" / "shop.db", isolation_level=None, check_same_thread=False)
        holder.execute("BEGIN EXCLUSIVE")
        update = "UPDATE t SET name = 'late'"
        busy = await refused(shop(folder), update, mode="write", timeoutMs=300)
        assert busy.code == "DB_TIMEOUT"
        task = asyncio.ensure_future(query(shop(folder), update, mode="write"))
        await asyncio.sleep(0.1)
        assert not task.done()
        holder.execute("COMMIT")
        assert (await task)["rowCount"] == 1
        holder.close()

    run(scenario())


def test_the_credentials_test_opens_the_file(folder: Path) -> None:
    known = credential_types()["sqlite"]

    async def tried(directory: Path | None, path: str) -> Any:
        network = make_network(Settings().model_copy(update={"sqlite_dir": directory}))
        try:
            return await known.test(network, known.fields.model_validate({"path": path}))
        except NodeError as error:
            return error.code
        finally:
            await network.close()

    async def scenario() -> None:
        assert "it has 1 table." in await tried(folder, "sub/shop.db")
        assert await tried(folder, "other.db") == "DB_NOT_ALLOWED"
        assert await tried(None, "sub/shop.db") == "DB_NOT_ALLOWED"

    run(scenario())
