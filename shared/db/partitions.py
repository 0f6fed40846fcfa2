"""Weekly partitions of the tables that grow, by execution id."""

from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Any
from uuid import UUID

import psycopg
from psycopg import sql

PARTITIONED = ("executions", "steps", "step_attempts", "execution_data", "execution_logs", "blobs")
WEEKS_AHEAD = 8
LOCK = 0x70617274
FIRST_MONDAY = datetime(1970, 1, 5, tzinfo=UTC)
MONDAY_MS = 4 * 24 * 3600 * 1000
LAST_WEEK = 400_000
WEEK_MS = 7 * 24 * 3600 * 1000

# Tables whose rows change keep free space on each page, so that most updates stay on it (HOT).
_FILLFACTOR = {"executions": 60, "steps": 60}

# Asks the catalogue, under a snapshot: to_regclass may remember that a name was missing a moment ago.
_EXIST = """
SELECT array_agg(relname::text) FROM pg_class
WHERE relname = ANY(%s) AND relnamespace = current_schema()::regnamespace
"""
_BOUNDS = "SELECT uuid7_floor(%s)::text, uuid7_floor(%s)::text"


def monday(at: datetime) -> datetime:
    """The start (Monday 00:00 UTC) of the week of `at`."""
    day = at.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    return day - timedelta(days=day.weekday())


def week_of(execution_id: UUID) -> datetime:
    """The start of the week whose partitions hold an execution, read off its id. Ids of no time at all: the last week."""
    return _week_starting(((execution_id.int >> 80) - MONDAY_MS) // WEEK_MS)


@lru_cache(maxsize=1_000)
def _week_starting(number: int) -> datetime:
    return FIRST_MONDAY + timedelta(weeks=min(number, LAST_WEEK))


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
    """Create the missing partitions of one week (a Monday) in the caller's transaction; returns the new names.

    Whoever finds one missing waits for others that are making it.
    """
    if not _missing(connection, week):
        return []
    connection.execute("SELECT pg_advisory_xact_lock(%s)", (LOCK,))
    created = []
    for table, name in _missing(connection, week):
        _create(connection, table, name, week)
        created.append(name)
    return created


def _missing(connection: psycopg.Connection[Any], week: datetime) -> list[tuple[str, str]]:
    """Tables, and the names of their partitions, that the week does not have."""
    names = {table: partition_name(table, week) for table in PARTITIONED}
    row = connection.execute(_EXIST, (list(names.values()),)).fetchone()
    existing = set(row[0] or ()) if row is not None else set()
    return [(table, name) for table, name in names.items() if name not in existing]


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
