"""Which of the servers we use answer right now."""

import socket
from urllib.parse import urlsplit

import psycopg

from shared.db.migrate import newest_revision
from shared.settings import Settings
from shared.web.database import UNREACHABLE, connection

TIMEOUT_S = 0.5
REVISION = "SELECT version_num FROM alembic_version"
_PORTS = {"amqp": 5672, "amqps": 5671, "redis": 6379, "rediss": 6379}


def check(settings: Settings) -> dict[str, str]:
    """`ok`, `unreachable` or, for the database, `schema is not current`, for each server."""
    return {
        "database": _database(),
        "broker": _listens(settings.broker_url),
        "redis": _listens(settings.redis_url),
    }


def _database() -> str:
    try:
        row = connection().execute(REVISION).fetchone()
    except UNREACHABLE:
        return "unreachable"
    except psycopg.errors.UndefinedTable:
        row = None
    return "ok" if row is not None and row[0] == newest_revision() else "schema is not current"


def _listens(urls: str) -> str:
    """`ok` where one of the servers listens (`;` separates several)."""
    return "ok" if any(_listens_at(url) == "ok" for url in urls.split(";") if url) else "unreachable"


def _listens_at(url: str) -> str:
    parts = urlsplit(url)
    try:
        if parts.scheme == "unix" or parts.hostname is None:
            return _socket_listens(parts.path)
        with socket.create_connection((parts.hostname, parts.port or _PORTS.get(parts.scheme, 5672)), TIMEOUT_S):
            return "ok"
    except OSError:
        return "unreachable"


def _socket_listens(path: str) -> str:
    with socket.socket(socket.AF_UNIX) as probe:
        probe.settimeout(TIMEOUT_S)
        probe.connect(path)
    return "ok"
