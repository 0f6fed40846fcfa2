"""Remove the partitions of a week: detach each without blocking anybody, then drop it. Every step can be repeated."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import psycopg
from psycopg import sql

from shared.db.partitions import PARTITIONED, partition_name

WEEKS = """
SELECT c.relname::text FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid
WHERE i.inhparent = 'executions'::regclass AND NOT i.inhdetachpending ORDER BY 1
"""
STATES = """
SELECT c.relname::text, i.inhparent IS NOT NULL, coalesce(i.inhdetachpending, false), c.reltuples::float8,
  pg_total_relation_size(c.oid)
FROM pg_class c LEFT JOIN pg_inherits i ON i.inhrelid = c.oid
WHERE c.relname = ANY(%s) AND c.relnamespace = current_schema()::regnamespace AND c.relkind = 'r'
"""


@dataclass(frozen=True, slots=True)
class Partition:
    """A table of a week. `rows` is Postgres's estimate, None where it has none yet; `bytes` with indexes and TOAST.

    `attached`: part of its parent; `pending`: a detach was begun, readers do not see it any more.
    """

    table: str
    name: str
    attached: bool
    pending: bool
    rows: int | None
    bytes: int


def weeks_there(connection: psycopg.Connection[Any]) -> list[datetime]:
    """The weeks (their Mondays) that have a partition of executions, the oldest first."""
    names = [row[0] for row in connection.execute(WEEKS)]
    return [datetime.strptime(name[-8:], "%Y%m%d").replace(tzinfo=UTC) for name in names]


def partitions_of(connection: psycopg.Connection[Any], week: datetime) -> list[Partition]:
    """What is left of a week, in the order of `PARTITIONED`."""
    names = {partition_name(table, week): table for table in PARTITIONED}
    found = {row[0]: row for row in connection.execute(STATES, (list(names),))}
    return [
        Partition(table, name, row[1], row[2], None if row[3] < 0 else round(row[3]), row[4])
        for name, table in names.items()
        if (row := found.get(name)) is not None
    ]


def remove_week(connection: psycopg.Connection[Any], week: datetime) -> Iterator[str]:
    """Remove what is left of a week, one statement at a time; yields what each did. For an autocommit connection.

    Raises psycopg.errors.LockNotAvailable when a long transaction is in the way; go on later with a new call. Nobody
    who reads or writes other weeks waits meanwhile.
    """
    for part in partitions_of(connection, week):
        parent, child = sql.Identifier(part.table), sql.Identifier(part.name)
        if part.attached:
            # A detach that was cut short can only be finished.
            how = sql.SQL("FINALIZE" if part.pending else "CONCURRENTLY")
            connection.execute(sql.SQL("ALTER TABLE {} DETACH PARTITION {} {}").format(parent, child, how))
            yield f"detached {part.name}"
        connection.execute(sql.SQL("DROP TABLE {}").format(child))
        yield f"dropped {part.name}"
