"""The wire: many statements in one round trip, on a real Postgres."""

from collections.abc import Iterator
from typing import Any
from uuid import UUID

import psycopg
import pytest

from shared.db.pool import Plans, connect
from shared.db.wire import Wire, bytea, wire_of

Connection = psycopg.Connection[Any]
PREPARED = "SELECT count(*) FROM pg_prepared_statements"


@pytest.fixture(params=list(Plans))
def connection(request: pytest.FixtureRequest, database_url: str) -> Iterator[Connection]:
    """A connection of each kind."""
    with connect(database_url, application_name="wire", autocommit=True, plans=request.param) as made:
        yield made


@pytest.fixture
def wire(connection: Connection) -> Wire:
    return wire_of(connection)


def test_answers_come_back_typed_and_in_order(wire: Wire) -> None:
    for _ in range(3):
        first = wire.send(
            "SELECT %(n)s::int + 1, %(id)s::uuid, %(none)s::text", {"n": 41, "id": UUID(int=7), "none": None}
        )
        second = wire.send("SELECT g FROM generate_series(1, %(n)s::int) AS g ORDER BY g", {"n": 3})
        third = wire.send("SELECT 1 WHERE false")
        wire.round_trip()
        assert first.rows == [(42, UUID(int=7), None)]
        assert second.rows == [(1,), (2,), (3,)]
        assert third.rows == []


def test_the_first_error_is_raised_and_what_follows_is_not_run(connection: Connection, wire: Wire) -> None:
    connection.execute("CREATE TABLE seen (n int)")
    for _ in range(2):
        wire.send("INSERT INTO seen VALUES (1)")
        wire.send("SELECT 1 / %(n)s::int", {"n": 0})
        wire.send("INSERT INTO seen VALUES (2)")
        with pytest.raises(psycopg.errors.DivisionByZero):
            wire.round_trip()
        assert connection.execute("SELECT count(*) FROM seen").fetchone() == (0,)
    wire.send("INSERT INTO seen VALUES (3)")
    wire.round_trip()
    assert connection.execute("SELECT n FROM seen").fetchall() == [(3,)]


def test_a_statement_that_could_not_be_prepared_is_prepared_later(connection: Connection, wire: Wire) -> None:
    wire.send("SELECT n FROM later")
    with pytest.raises(psycopg.errors.UndefinedTable):
        wire.round_trip()
    connection.execute("CREATE TABLE later AS SELECT 5 AS n")
    found = wire.send("SELECT n FROM later")
    wire.round_trip()
    assert found.rows == [(5,)]


def test_it_shares_the_connection_s_transaction(connection: Connection, wire: Wire) -> None:
    connection.execute("CREATE TABLE seen (n int)")
    for _ in range(8):
        wire.send("BEGIN")
        wire.send("INSERT INTO seen VALUES (1)")
        wire.round_trip()
        assert connection.execute("SELECT count(*) FROM seen").fetchone() == (1,)
        connection.rollback()
    assert connection.execute("SELECT count(*) FROM seen").fetchone() == (0,)


def test_large_values_go_both_ways_at_once(wire: Wire) -> None:
    texts = [str(number) * 4_000_000 for number in range(5)]
    answers = [wire.send("SELECT %(text)s::text", {"text": text}) for text in texts]
    wire.round_trip()
    assert [answer.rows for answer in answers] == [[(text,)] for text in texts]


def test_a_server_that_hangs_up_is_an_operational_error(connection: Connection, wire: Wire, database_url: str) -> None:
    with psycopg.connect(database_url, autocommit=True) as other:
        other.execute("SELECT pg_terminate_backend(%s)", (connection.info.backend_pid,))
    wire.send("SELECT pg_sleep(1)")
    with pytest.raises(psycopg.OperationalError):
        wire.round_trip()
    assert connection.broken


def test_statements_are_prepared_once_where_plans_are_kept(database_url: str) -> None:
    for plans, expected in ((Plans.KEPT, 2), (Plans.EACH, 0)):
        with connect(database_url, application_name="wire", autocommit=True, plans=plans) as connection:
            wire = wire_of(connection)
            for number in range(5):
                wire.send("SELECT %(n)s::int", {"n": number})
                wire.send("SELECT 'x'")
                wire.round_trip()
            assert connection.execute(PREPARED).fetchone() == (expected,)


def test_a_connection_that_does_not_commit_by_itself_begins_with_the_first_statement(database_url: str) -> None:
    with connect(database_url, application_name="wire", autocommit=True) as watcher:
        watcher.execute("CREATE TABLE seen (n int)")
        with connect(database_url, application_name="wire") as connection:
            wire = wire_of(connection)
            for end, expected in ((connection.rollback, 0), (connection.commit, 2)):
                for n in (1, 2):
                    wire.send("INSERT INTO seen VALUES (%(n)s)", {"n": n})
                    wire.round_trip()
                assert watcher.execute("SELECT count(*) FROM seen").fetchone() == (0,)
                end()
                assert watcher.execute("SELECT count(*) FROM seen").fetchone() == (expected,)


def test_bytes_go_as_bytea(wire: Wire) -> None:
    raw = bytes(range(256))
    found = wire.send("SELECT %(raw)s::bytea", {"raw": bytea(raw)})
    wire.round_trip()
    assert found.rows == [(raw,)]
