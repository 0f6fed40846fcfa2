"""Which of the servers we use answer right now."""

import psycopg

from shared.db.migrate import newest_revision
from shared.settings import Settings
from shared.web.broker import listens
from shared.web.database import UNREACHABLE, connection

REVISION = "SELECT version_num FROM alembic_version"


def check(settings: Settings) -> dict[str, str]:
    """`ok`, `unreachable` or, for the database, `schema is not current`, for each server."""
    return {
        "database": _database(),
        "broker": _told(settings.broker_url),
        "redis": _told(settings.redis_url),
    }


def _database() -> str:
    try:
        row = connection().execute(REVISION).fetchone()
    except UNREACHABLE:
        return "unreachable"
    except psycopg.errors.UndefinedTable:
        row = None
    return "ok" if row is not None and row[0] == newest_revision() else "schema is not current"


def _told(urls: str) -> str:
    return "ok" if listens(urls) else "unreachable"
