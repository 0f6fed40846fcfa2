"""Migrations: twice, by several at once, and while the system works."""

import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from shared.db.migrate import upgrade
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
