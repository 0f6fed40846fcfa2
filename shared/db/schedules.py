"""When each schedule is due: one row a trigger. All times by the clock of Postgres."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

import psycopg
from psycopg.rows import class_row

from shared.db.users import ACTIVE, ROLE_NOW

LIMIT = 25


@dataclass(frozen=True, slots=True)
class Schedule:
    """A row. `timing` is a text that is the same as long as it is due at the same times."""

    trigger_id: UUID
    timing: str
    anchor: datetime
    next_at: datetime | None
    last_at: datetime | None


@dataclass(frozen=True, slots=True)
class DueSchedule:
    """A schedule whose time has come, with its trigger and workflow; `role` is that of the workflow's owner now.

    `registered`: the published version still has it. `active`: neither it, nor the workflow, nor the owner is stopped.
    """

    trigger_id: UUID
    workflow_id: UUID
    key: str
    config: dict[str, Any]
    anchor: datetime
    next_at: datetime
    now: datetime
    owner_id: UUID
    role: str
    registered: bool
    active: bool


_COLUMNS = "trigger_id, timing, anchor, next_at, last_at"
CLOCK = "SELECT clock_timestamp()"
OF_TRIGGERS = f"SELECT {_COLUMNS} FROM schedules WHERE trigger_id = ANY(%s)"
LOCK = f"SELECT {_COLUMNS} FROM schedules WHERE trigger_id = %s FOR UPDATE"
PUT = """
INSERT INTO schedules (trigger_id, timing, anchor, next_at) VALUES (%(id)s, %(timing)s, %(anchor)s, %(next_at)s)
ON CONFLICT (trigger_id) DO UPDATE SET timing = EXCLUDED.timing, anchor = EXCLUDED.anchor, next_at = EXCLUDED.next_at
"""
MOVE_ON = """
UPDATE schedules SET next_at = %(next_at)s, last_at = coalesce(%(last_at)s, last_at), turn_at = clock_timestamp()
WHERE trigger_id = %(id)s
"""
# Those that have not had their turn for the longest first: one that has much to catch up with holds nobody up.
CLAIM_DUE = f"""
SELECT s.trigger_id, t.workflow_id, t.key, t.config, s.anchor, s.next_at, clock_timestamp() AS now, w.owner_id,
  {ROLE_NOW} AS role,
  t.removed_at IS NULL AND t.type = 'schedule' AS registered,
  t.paused_at IS NULL AND w.enabled AND w.archived_at IS NULL AND {ACTIVE} AS active
FROM schedules s JOIN triggers t ON t.id = s.trigger_id JOIN workflows w ON w.id = t.workflow_id
JOIN users u ON u.id = w.owner_id
WHERE s.next_at <= now() ORDER BY s.turn_at, s.next_at LIMIT %s FOR UPDATE OF s SKIP LOCKED
"""
NEXT_DUE_S = (
    "SELECT extract(epoch FROM min(next_at) - clock_timestamp())::float8 FROM schedules WHERE next_at IS NOT NULL"
)
FORGET = """
DELETE FROM schedules s USING triggers t
WHERE t.id = s.trigger_id AND t.workflow_id = %s AND (t.removed_at IS NOT NULL OR t.type <> 'schedule')
"""


def clock(connection: psycopg.Connection[Any]) -> datetime:
    """What time it is for all of them."""
    row = connection.execute(CLOCK).fetchone()
    assert row is not None  # noqa: S101 - a SELECT without FROM has one row
    found: datetime = row[0]
    return found


def of_triggers(connection: psycopg.Connection[Any], trigger_ids: Sequence[UUID]) -> dict[UUID, Schedule]:
    """Those of the triggers that are schedules."""
    with connection.cursor(row_factory=class_row(Schedule)) as cursor:
        return {row.trigger_id: row for row in cursor.execute(OF_TRIGGERS, (list(trigger_ids),))}


def lock(connection: psycopg.Connection[Any], trigger_id: UUID) -> Schedule | None:
    """The schedule of a trigger, held until the transaction ends."""
    with connection.cursor(row_factory=class_row(Schedule)) as cursor:
        return cursor.execute(LOCK, (trigger_id,)).fetchone()


def put(
    connection: psycopg.Connection[Any], trigger_id: UUID, timing: str, anchor: datetime, next_at: datetime | None
) -> None:
    """Put down when a trigger is due next."""
    connection.execute(PUT, {"id": trigger_id, "timing": timing, "anchor": anchor, "next_at": next_at})


def move_on(
    connection: psycopg.Connection[Any], trigger_id: UUID, next_at: datetime | None, *, last_at: datetime | None = None
) -> None:
    """It has had its turn; `last_at`: the last firing that started something. The caller holds the row."""
    connection.execute(MOVE_ON, {"id": trigger_id, "next_at": next_at, "last_at": last_at})


def claim_due(connection: psycopg.Connection[Any], limit: int = LIMIT) -> list[DueSchedule]:
    """Schedules whose time has come and that nobody else holds; held until the transaction ends."""
    with connection.cursor(row_factory=class_row(DueSchedule)) as cursor:
        return cursor.execute(CLAIM_DUE, (limit,)).fetchall()


def next_due_s(connection: psycopg.Connection[Any]) -> float | None:
    """Seconds until the next one is due, negative where it is late; None if there is none."""
    row = connection.execute(NEXT_DUE_S).fetchone()
    return None if row is None else row[0]


def forget(connection: psycopg.Connection[Any], workflow_id: UUID) -> None:
    """Forget those that the published version does not have; one that comes back begins anew."""
    connection.execute(FORGET, (workflow_id,))
