"""The request's transaction: what waits on the wire goes with the commit, and never with another request's."""

from contextlib import ExitStack
from typing import Any

import psycopg
from flask import Flask

from shared.db.pool import WATCHED
from shared.db.wire import wire_of
from shared.web.database import borrowed, commit, engine_of
from shared.web.database import connection as request_connection

ADD = "INSERT INTO audit_log (action, target) VALUES (%(action)s, 'x')"
ADDED = "SELECT array_agg(action ORDER BY id) FROM audit_log WHERE target = 'x'"


def test_what_waits_on_the_wire_goes_with_the_commit(app: Flask, connection: psycopg.Connection[Any]) -> None:
    for _ in range(8):
        with app.app_context():
            request_connection().execute(ADD, {"action": "first"})
            wire_of(request_connection()).send(ADD, {"action": "second"})
            assert connection.execute(ADDED).fetchone() == (None,)
            commit()
        assert connection.execute(ADDED).fetchone() == (["first", "second"],)
        connection.execute("DELETE FROM audit_log WHERE target = 'x'")


def test_what_a_request_that_failed_has_left_is_dropped(app: Flask, connection: psycopg.Connection[Any]) -> None:
    with app.app_context():
        raw = request_connection()
        wire_of(raw).send(ADD, {"action": "lost"})
    with app.app_context():
        assert request_connection() is raw
        wire_of(raw).send(ADD, {"action": "kept"})
        commit()
    assert connection.execute(ADDED).fetchone() == (["kept"],)


def test_a_server_that_vanished_without_a_word_is_noticed(app: Flask) -> None:
    """A request that only waits for an answer sends nothing that could be missed: TCP has to ask."""
    with app.app_context():
        told = request_connection().info.get_parameters()
    assert {name: told[name] for name in WATCHED} == {name: str(value) for name, value in WATCHED.items()}


def test_the_pool_never_throws_a_connection_of_a_peak_away(app: Flask) -> None:
    engine = engine_of(app)
    with ExitStack() as held:
        first = {held.enter_context(borrowed(engine)).info.backend_pid for _ in range(15)}
    with ExitStack() as held:
        assert {held.enter_context(borrowed(engine)).info.backend_pid for _ in range(15)} == first
