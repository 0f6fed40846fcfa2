"""Postgres: one cluster a session, one migrated template, a fresh copy of it for every test."""

import itertools
import os
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
from psycopg import sql

from services.standalone import identity
from services.standalone.servers.postgres import ADMIN, APPLICATION, WHEEL_PROGRAMS, Postgres
from shared.db import migrate
from tests.servers.folder import ServerFolder

TEMPLATE = "flowversal_template"
READY_S = 60.0
_numbers = itertools.count(1)


def programs() -> Path:
    """The Postgres to test: the wheel's, or the installed version that FLOWVERSAL_TEST_PG names (`15`)."""
    version = os.environ.get("FLOWVERSAL_TEST_PG")
    if not version:
        return WHEEL_PROGRAMS
    folder = Path("/usr/lib/postgresql") / version / "bin"
    if not folder.exists():
        pytest.fail(f"FLOWVERSAL_TEST_PG={version}, but Postgres {version} is not installed")
    return folder


def started(folder: ServerFolder, name: str, *, durable: bool) -> Postgres:
    """A new running cluster with the application's role and an empty database."""
    user = identity.own(folder.path, [programs()])
    server = Postgres(folder.make(name), folder.log(name), user, programs=programs(), durable=durable)
    server.create()
    server.start()
    server.wait_ready(READY_S)
    server.ensure_database()
    return server


def create_database(server: Postgres, name: str, template: str = "template1") -> None:
    """A new database of the application's role. Its files are copied, which takes a tenth of the time of writing its pages."""
    with psycopg.connect(server.url_of(ADMIN, admin=True), autocommit=True) as connection:
        statement = sql.SQL("CREATE DATABASE {} OWNER {} TEMPLATE {} STRATEGY file_copy")
        connection.execute(statement.format(*map(sql.Identifier, (name, APPLICATION, template))))


def drop_database(server: Postgres, name: str) -> None:
    """Remove a database and disconnect whoever uses it."""
    with psycopg.connect(server.url_of(ADMIN, admin=True), autocommit=True) as connection:
        connection.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name)))


@pytest.fixture(scope="session")
def session_postgres(server_folder: ServerFolder) -> Iterator[Postgres]:
    """The session's cluster, without fsync: not for tests of durability."""
    server = started(server_folder, "postgres", durable=False)
    yield server
    server.stop()


@pytest.fixture(scope="session")
def template_database(session_postgres: Postgres) -> str:
    """The name of a database with the newest schema, which nobody is connected to."""
    create_database(session_postgres, TEMPLATE)
    migrate.upgrade(session_postgres.url_of(TEMPLATE))
    return TEMPLATE


@pytest.fixture
def postgres(session_postgres: Postgres) -> Iterator[Postgres]:
    """The session's cluster for a test that stops or kills it; afterwards it runs again."""
    yield session_postgres
    if session_postgres.exit_code() is not None or not session_postgres.is_ready():
        session_postgres.start()
        session_postgres.wait_ready(READY_S)


@pytest.fixture
def empty_database_url(session_postgres: Postgres) -> Iterator[str]:
    """The URL of a fresh database without any table."""
    name = f"empty_{next(_numbers)}"
    create_database(session_postgres, name)
    yield session_postgres.url_of(name)
    drop_database(session_postgres, name)


@pytest.fixture
def database_url(postgres: Postgres, template_database: str) -> Iterator[str]:
    """The URL of a fresh database with the newest schema, for this test alone."""
    name = f"test_{next(_numbers)}"
    create_database(postgres, name, template_database)
    yield postgres.url_of(name)
    if not postgres.is_ready():
        postgres.start()
        postgres.wait_ready(READY_S)
    drop_database(postgres, name)


@pytest.fixture
def durable_postgres(disk_folder: ServerFolder) -> Iterator[Postgres]:
    """A cluster of its own with every guarantee on, for tests of durability; its database is empty."""
    server = started(disk_folder, f"durable-{next(_numbers)}", durable=True)
    yield server
    server.stop()
