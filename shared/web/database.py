"""Flask-SQLAlchemy as pool: one psycopg connection and one transaction per request.

Views call `connection()`, hand it to engine and query functions, and end with `commit()`; without it everything is
rolled back when the request ends. Streams borrow a connection for each read (`borrowed`) and hold none in between.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, cast

import psycopg
from flask import Flask, g
from flask_sqlalchemy import SQLAlchemy
from psycopg.types.json import set_json_loads
from sqlalchemy import Engine, PoolProxiedConnection, event, exc

from shared.db.pool import WATCHED
from shared.db.wire import wire_of
from shared.domain.values import from_json

db = SQLAlchemy()

CONNECT_TIMEOUT_S = 2
POOL_TIMEOUT_S = 2
_SESSION_SETTINGS = """
SELECT set_config('statement_timeout', '15s', false), set_config('lock_timeout', '5s', false),
  set_config('idle_in_transaction_session_timeout', '15s', false)
"""

# What it looks like when Postgres is down, restarting, has no connection left for us, or ended one that was paused.
UNREACHABLE = (
    psycopg.OperationalError,
    psycopg.InterfaceError,
    psycopg.errors.IdleInTransactionSessionTimeout,
    exc.TimeoutError,
)
EXHAUSTED = exc.TimeoutError
"""Every connection of the pool was in use for as long as one is waited for."""


def install_database(app: Flask, database_url: str, *, pool_size: int = 20) -> None:
    """Give the application its pool: `pool_size` connections at most, made when needed and kept. Connects to nothing yet."""
    url = database_url.replace("postgres://", "postgresql://", 1).replace("postgresql://", "postgresql+psycopg://", 1)
    app.config["SQLALCHEMY_DATABASE_URI"] = url
    app.config["SQLALCHEMY_ENGINE_OPTIONS"] = {
        "pool_size": pool_size,
        # One that is thrown away after its request costs a peak more than the peak itself.
        "max_overflow": 0,
        "pool_timeout": POOL_TIMEOUT_S,
        "pool_use_lifo": True,
        "connect_args": {
            # The wire does, for the few statements that every request has; the others are planned for the ids at hand.
            "prepare_threshold": None,
            "connect_timeout": CONNECT_TIMEOUT_S,
            "application_name": app.import_name,
            **WATCHED,
        },
    }
    db.init_app(app)
    app.teardown_appcontext(lambda _error: release())
    with app.app_context():
        event.listen(db.engine, "connect", _prepare)
        event.listen(db.engine, "checkout", _refuse_dead)


def engine_of(app: Flask) -> Engine:
    """The application's pool, for code that runs outside a request."""
    with app.app_context():
        return db.engine


def connection() -> psycopg.Connection[Any]:
    """The request's connection, in its transaction."""
    if "pooled" not in g:
        g.pooled = db.engine.raw_connection()
    return _driver(g.pooled)


def commit() -> None:
    """Commit the request's transaction, with what waits on its wire; in one round trip then."""
    held = connection()
    wire = wire_of(held)
    if wire.waiting:
        wire.send("COMMIT")
        wire.round_trip()
    else:
        held.commit()


def release() -> None:
    """Roll back what is open and give the connection back to the pool before the request ends; a dead one is thrown away."""
    if pooled := g.pop("pooled", None):
        _give_back(pooled)


@contextmanager
def borrowed(engine: Engine) -> Iterator[psycopg.Connection[Any]]:
    """A connection of the pool for a moment; rolled back and given back at the end."""
    pooled = engine.raw_connection()
    try:
        yield _driver(pooled)
    finally:
        _give_back(pooled)


def _driver(pooled: PoolProxiedConnection) -> psycopg.Connection[Any]:
    return cast("psycopg.Connection[Any]", pooled.driver_connection)


def _give_back(pooled: PoolProxiedConnection) -> None:
    """Roll back and return; what is left of a lost connection is closed, without a word."""
    if _driver(pooled).closed:
        pooled.invalidate()
    pooled.close()


def _prepare(connection: psycopg.Connection[Any], _record: object) -> None:
    """Set up a new connection: exact integers in JSON, time limits."""
    set_json_loads(from_json, connection)
    connection.execute(_SESSION_SETTINGS)
    connection.commit()


def _refuse_dead(connection: psycopg.Connection[Any], _record: object, _proxy: object) -> None:
    """Replace a connection that the server has closed, without asking it: two reads of the socket, no round trip.

    What a request that failed has left on its wire is dropped.
    """
    wire_of(connection).forget()
    try:
        # The first call reads a last message of the server, the second one sees that it hung up.
        connection.pgconn.consume_input()
        connection.pgconn.consume_input()
    except psycopg.OperationalError:
        raise exc.InvalidatePoolError from None
    if connection.closed or connection.broken:
        raise exc.InvalidatePoolError
