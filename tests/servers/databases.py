"""Databases of a test cluster. Copying one takes up to a second of file system work, emptying it some milliseconds."""

import itertools
from collections.abc import Iterable
from typing import Any

import psycopg
from psycopg import sql

from services.standalone.servers.postgres import ADMIN, APPLICATION, Postgres

CATALOGUE = """
SELECT (SELECT count(*) FROM pg_proc), (SELECT count(*) FROM pg_trigger), (SELECT count(*) FROM pg_namespace),
  (SELECT count(*) FROM pg_attribute), (SELECT count(*) FROM pg_constraint), (SELECT count(*) FROM pg_db_role_setting),
  (SELECT md5(string_agg(concat(oid, relname, reloptions), ',' ORDER BY oid)) FROM pg_class
   WHERE relnamespace = 'public'::regnamespace),
  (SELECT count(*) FROM pg_publication)
"""
"""Changes with whatever a test does to the schema."""

DISCONNECT = """
SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity
WHERE datname = %s AND backend_type = 'client backend' AND pid <> pg_backend_pid()
"""
"""End the connections of a test; returns when they are gone."""

TABLES = """
SELECT relname::text FROM pg_class
WHERE relnamespace = 'public'::regnamespace AND relkind = 'r' AND pg_relation_size(oid) > 0
"""
"""Every table and partition that has, or had, rows."""

SEQUENCES = "SELECT relname::text FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind = 'S'"
"""Every sequence."""


def create_database(server: Postgres, name: str, template: str = "template1") -> None:
    """A new database of the application's role."""
    with psycopg.connect(server.url_of(ADMIN, admin=True), autocommit=True) as connection:
        statement = sql.SQL("CREATE DATABASE {} OWNER {} TEMPLATE {}")
        connection.execute(statement.format(*map(sql.Identifier, (name, APPLICATION, template))))


def drop_database(server: Postgres, name: str) -> None:
    """Remove a database and disconnect whoever uses it."""
    with psycopg.connect(server.url_of(ADMIN, admin=True), autocommit=True) as connection:
        connection.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name)))


class CleanDatabases:
    """Copies of a template: each is for one test at a time, and emptied after it. One whose schema, or whose rows from the
    migrations, a test has changed is dropped.
    """

    def __init__(self, server: Postgres, template: str) -> None:
        self._server = server
        self._template = template
        self._numbers = itertools.count(1)
        self._free: list[str] = []
        self._as_made: dict[str, Any] = {}

    def take(self) -> str:
        """The name of a database as the migrations leave it."""
        if self._free:
            return self._free.pop()
        name = f"test_{next(self._numbers)}"
        create_database(self._server, name, self._template)
        with self._connect(name) as connection:
            filled = [table for table in _tables(connection) if _content(connection, table)]
            self._as_made[name] = _fixed(connection, filled)
        return name

    def give_back(self, name: str) -> None:
        """The test is over; connections that it left open are ended."""
        catalogue, contents = self._as_made[name]
        with self._connect(name) as connection:
            connection.execute(DISCONNECT, (name,))
            as_made = _fixed(connection, contents) == (catalogue, contents)
            if as_made:
                _empty(connection, contents)
        if as_made:
            self._free.append(name)
        else:
            drop_database(self._server, name)

    def _connect(self, name: str) -> psycopg.Connection[Any]:
        return psycopg.connect(self._server.url_of(name, admin=True), autocommit=True)


def _tables(connection: psycopg.Connection[Any]) -> list[str]:
    return [row[0] for row in connection.execute(TABLES).fetchall()]


def _fixed(connection: psycopg.Connection[Any], filled: Iterable[str]) -> tuple[Any, dict[str, Any]]:
    """What a test may not change: the schema, and the rows of the tables that the migrations filled."""
    return connection.execute(CATALOGUE).fetchone(), {table: _content(connection, table) for table in filled}


def _content(connection: psycopg.Connection[Any], table: str) -> Any:
    statement = sql.SQL("SELECT md5(string_agg(t::text, ',' ORDER BY t::text)) FROM {} t")
    row = connection.execute(statement.format(sql.Identifier(table))).fetchone()
    return row and row[0]


def _empty(connection: psycopg.Connection[Any], filled: Iterable[str]) -> None:
    """Delete the rows of all other tables and restart all sequences; a TRUNCATE would make every file anew."""
    kept = set(filled)
    with connection.transaction():
        connection.execute("SET LOCAL session_replication_role = replica")
        for table in _tables(connection):
            if table not in kept:
                connection.execute(sql.SQL("DELETE FROM {}").format(sql.Identifier(table)))
        for (sequence,) in connection.execute(SEQUENCES).fetchall():
            connection.execute(sql.SQL("ALTER SEQUENCE {} RESTART").format(sql.Identifier(sequence)))
