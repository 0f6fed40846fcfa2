"""Migrations: twice, by several at once, and while the system works."""

import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import nullcontext
from pathlib import Path
from uuid import UUID

import psycopg
import pytest
from alembic import command

from shared.db.blobs import PostgresStore
from shared.db.migrate import _config, upgrade
from tests.integration.clockwork.scene import Scene

ROOT = Path(__file__).parents[2]
REVISION = "SELECT version_num FROM alembic_version"


def test_three_at_once_and_once_more(empty_database_url: str) -> None:
    environment = os.environ | {"DATABASE_URL": empty_database_url}
    command = [sys.executable, "-m", "shared.db.migrate"]
    migrating = [subprocess.Popen(command, cwd=ROOT, env=environment) for _ in range(3)]
    assert [process.wait(60) for process in migrating] == [0, 0, 0]
    upgrade(empty_database_url)
    with psycopg.connect(empty_database_url) as connection:
        assert len(connection.execute(REVISION).fetchall()) == 1
        assert connection.execute("SELECT count(*) FROM executions").fetchone() == (0,)


OLD = """
CREATE TABLE {table}_p20240101 PARTITION OF {table}
FOR VALUES FROM ('018cc251-f400-7000-8000-000000000000') TO ('018ce65e-e800-7000-8000-000000000000')
"""


def test_a_database_with_rows_from_before_large_values(empty_database_url: str) -> None:
    """Every week that has executions gets room for blobs, and what is in rows stays there."""
    command.upgrade(_config(empty_database_url), "0004")
    id = UUID("018cd000-0000-7000-8000-000000000001")
    with psycopg.connect(empty_database_url, autocommit=True) as connection:
        for table in ("executions", "execution_data"):
            connection.execute(OLD.format(table=table))
        connection.execute(
            "INSERT INTO execution_data (execution_id, node, output) VALUES (%s, 'a', to_json(repeat('x', 500000)))",
            (id,),
        )
    upgrade(empty_database_url)
    with psycopg.connect(empty_database_url, autocommit=True) as connection:
        PostgresStore(lambda: nullcontext(connection)).put((id, id), b"x" * 2_000_000)
        row = connection.execute("SELECT octet_length(output::text), output_blob FROM execution_data").fetchone()
        assert row == (500_002, None)
        assert connection.execute("SELECT count(*) FROM blobs_p20240101").fetchone() == (2,)
        stored = (
            "SELECT attstorage FROM pg_attribute WHERE attrelid = 'blobs_p20240101'::regclass AND attname = 'packed'"
        )
        assert connection.execute(stored).fetchone() == ("e",)


@pytest.fixture
def scene(database_url: str) -> Iterator[Scene]:
    made = Scene(database_url)
    yield made
    made.connection.close()


def test_under_load(scene: Scene) -> None:
    """Nobody who runs executions meanwhile meets an error or waits for long."""
    done, errors = threading.Event(), []

    def work() -> None:
        try:
            while not done.is_set():
                scene.run_through()
        except psycopg.Error as error:
            errors.append(error)

    worker = threading.Thread(target=work)
    worker.start()
    try:
        for _ in range(5):
            upgrade(scene.database_url)
    finally:
        done.set()
        worker.join()
    assert errors == []
    assert scene.one("SELECT count(*) AS n FROM stats_delta WHERE state = 'success'")["n"] > 0
