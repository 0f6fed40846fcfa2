"""Weekly partitions of the tables that grow, by execution id."""

from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Any
from uuid import UUID

import psycopg
from psycopg import sql

PARTITIONED = ("executions", "steps", "step_attempts", "execution_data", "execution_logs")
WEEKS_AHEAD = 8
LOCK = 0x70617274
FIRST_MONDAY = datetime(1970, 1, 5, tzinfo=UTC)
MONDAY_MS = 4 * 24 * 3600 * 1000
WEEK_MS = 7 * 24 * 3600 * 1000

# Tables whose rows change keep free space on each page, so that most updates stay on it (HOT).
_FILLFACTOR = {"executions": 60, "steps": 60}

_EXISTS = "SELECT to_regclass(%s) IS NOT NULL"
_BOUNDS = "SELECT uuid7_floor(%s)::text, uuid7_floor(%s)::text"


def monday(at: datetime) -> datetime:
    """The start (Monday 00:00 UTC) of the week of `at`."""
    day = at.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    return day - timedelta(days=day.weekday())


def week_of(execution_id: UUID) -> datetime:
    """The start of the week whose partitions hold an execution, read off its id."""
    return _week_starting(((execution_id.int >> 80) - MONDAY_MS) // WEEK_MS)


@lru_cache(maxsize=1_000)
def _week_starting(number: int) -> datetime:
    return FIRST_MONDAY + timedelta(weeks=number)


def partition_name(table: str, week: datetime) -> str:
    """`steps_p20261123` for the week that starts on that Monday."""
    return f"{table}_p{week:%Y%m%d}"


def ensure_partitions(connection: psycopg.Connection[Any], *, weeks_ahead: int = WEEKS_AHEAD) -> list[str]:
    """Create the missing partitions of last week, this week and `weeks_ahead` more; returns the new names. Commits.

    Each is filled by LIKE and then attached, which locks the parent only briefly.
    """
    created: list[str] = []
    with connection.transaction():
        row = connection.execute("SELECT pg_advisory_xact_lock(%s), clock_timestamp()", (LOCK,)).fetchone()
        assert row is not None  # noqa: S101 - a SELECT without FROM has one row
        this_week = monday(row[1])
        for offset in range(-1, weeks_ahead + 1):
            created += ensure_week(connection, this_week + timedelta(weeks=offset))
    return created


def ensure_week(connection: psycopg.Connection[Any], week: datetime) -> list[str]:
    """Create the missing partitions of one week (a Monday) in the caller's transaction; returns the new names."""
    created = []
    for table in PARTITIONED:
        name = partition_name(table, week)
        row = connection.execute(_EXISTS, (name,)).fetchone()
        if row is None or row[0]:
            continue
        _create(connection, table, name, week)
        created.append(name)
    return created


def _create(connection: psycopg.Connection[Any], table: str, name: str, week: datetime) -> None:
    bounds = connection.execute(_BOUNDS, (week, week + timedelta(weeks=1))).fetchone()
    assert bounds is not None  # noqa: S101 - a SELECT without FROM has one row
    parent, child = sql.Identifier(table), sql.Identifier(name)
    options = sql.SQL("WITH (fillfactor={}, autovacuum_vacuum_scale_factor=0.05)").format(
        sql.Literal(_FILLFACTOR.get(table, 100))
    )
    connection.execute(sql.SQL("CREATE TABLE {} (LIKE {} INCLUDING ALL) {}").format(child, parent, options))
    connection.execute(
        sql.SQL("ALTER TABLE {} ATTACH PARTITION {} FOR VALUES FROM ({}) TO ({})").format(
            parent, child, sql.Literal(bounds[0]), sql.Literal(bounds[1])
        )
    )
