"""Actions on many executions: the job, and the list of executions that it has not come to yet.

A job's row is locked before any execution that it acts on, and by nobody who holds one: there is no circle.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

import psycopg
from psycopg.rows import class_row
from psycopg.types.json import Json

from shared.db.users import ROLE_NOW


@dataclass(frozen=True, slots=True)
class Job:
    """A row of `bulk_jobs`. `errors` are the first few: `{"executionId", "message"}`."""

    id: UUID
    user_id: UUID
    address: str | None
    action: str
    retry_from: str
    retry_version: str
    state: str
    total: int
    changed: int
    skipped: int
    failed: int
    errors: list[dict[str, str]]
    created_at: datetime
    completed_at: datetime | None
    role: str
    """The role that its owner has now; empty for one who was disabled."""

    @property
    def done(self) -> int:
        """How many executions it has come to."""
        return self.changed + self.skipped + self.failed


_COLUMNS = f"""
j.id, j.user_id, j.address, j.action, j.retry_from, j.retry_version, j.state, j.total, j.changed, j.skipped, j.failed,
j.errors, j.created_at, j.completed_at, {ROLE_NOW} AS role
"""
_JOBS = f"SELECT {_COLUMNS} FROM bulk_jobs j JOIN users u ON u.id = j.user_id"

INSERT = """
WITH j AS (
  INSERT INTO bulk_jobs (user_id, address, action, filter, retry_from, retry_version, total, state, completed_at)
  VALUES (%(user_id)s, %(address)s, %(action)s, %(filter)s, %(retry_from)s, %(retry_version)s, %(total)s,
          CASE WHEN %(total)s > 0 THEN 'running' ELSE 'done' END, CASE WHEN %(total)s = 0 THEN clock_timestamp() END)
  RETURNING id),
i AS (INSERT INTO bulk_items (job_id, execution_id) SELECT j.id, e.id FROM j, unnest(%(ids)s::uuid[]) AS e (id))
SELECT id FROM j
"""
"""The job with its list; one that has nothing to do is done."""
GET = f"{_JOBS} WHERE j.id = %(id)s AND (%(everything)s OR j.user_id = %(viewer)s)"
"""A job of one's own; any for an admin."""
RECENT = f"""
{_JOBS} WHERE j.user_id = %(viewer)s AND j.total > 0 AND (j.state = 'running' OR j.completed_at > now() - make_interval(secs => %(s)s))
ORDER BY j.id DESC LIMIT 5
"""
"""What somebody has under way, and what ended a moment ago."""
LOCK_NEXT = f"""
{_JOBS} WHERE j.state = 'running' ORDER BY j.advanced_at NULLS FIRST, j.id LIMIT 1 FOR NO KEY UPDATE OF j SKIP LOCKED
"""
"""The job that has waited the longest for its turn, of those that nobody works on."""
TAKE = """
DELETE FROM bulk_items WHERE job_id = %(id)s AND execution_id = ANY (ARRAY(
  SELECT execution_id FROM bulk_items WHERE job_id = %(id)s ORDER BY execution_id LIMIT %(limit)s))
RETURNING execution_id
"""
"""The next executions, the oldest first; they leave the list with the transaction."""
ADVANCE = """
UPDATE bulk_jobs j SET changed = changed + %(changed)s, skipped = skipped + %(skipped)s, failed = failed + %(failed)s,
  errors = %(errors)s, advanced_at = clock_timestamp(), state = CASE WHEN more.left THEN state ELSE 'done' END,
  completed_at = CASE WHEN more.left THEN NULL ELSE clock_timestamp() END
FROM (SELECT EXISTS (SELECT FROM bulk_items WHERE job_id = %(id)s) AS left) AS more WHERE j.id = %(id)s
"""
"""Count what was done; the job ends with its list."""
STOP = """
UPDATE bulk_jobs SET state = 'canceled', completed_at = clock_timestamp() WHERE id = %s AND state = 'running'
"""
"""Stop a job; waits for the transaction that works on it."""
CLEAR = "DELETE FROM bulk_items WHERE job_id = %s"
"""Forget what is left."""


def insert(
    connection: psycopg.Connection[Any],
    user_id: UUID,
    execution_ids: Sequence[UUID],
    *,
    action: str,
    filter: Mapping[str, Any],
    retry_from: str,
    retry_version: str,
    address: str | None,
) -> UUID:
    """Add a job for these executions; returns its id."""
    values = {
        "user_id": user_id,
        "address": address,
        "action": action,
        "filter": Json(dict(filter)),
        "retry_from": retry_from,
        "retry_version": retry_version,
        "total": len(execution_ids),
        "ids": list(execution_ids),
    }
    row = connection.execute(INSERT, values).fetchone()
    assert row is not None  # noqa: S101 - INSERT … RETURNING has one row
    found: UUID = row[0]
    return found


def get(connection: psycopg.Connection[Any], job_id: UUID, *, viewer: UUID, everything: bool) -> Job | None:
    """The job, if this user may see it."""
    with connection.cursor(row_factory=class_row(Job)) as cursor:
        return cursor.execute(GET, {"id": job_id, "viewer": viewer, "everything": everything}).fetchone()


def recent(connection: psycopg.Connection[Any], user_id: UUID, seconds: float) -> list[Job]:
    """The user's newest five jobs that run, or ended at most `seconds` ago."""
    with connection.cursor(row_factory=class_row(Job)) as cursor:
        return cursor.execute(RECENT, {"viewer": user_id, "s": seconds}).fetchall()


def lock_next(connection: psycopg.Connection[Any]) -> Job | None:
    """A job to work on, locked until the transaction ends; None if there is none that nobody else works on."""
    with connection.cursor(row_factory=class_row(Job)) as cursor:
        return cursor.execute(LOCK_NEXT).fetchone()


def take(connection: psycopg.Connection[Any], job_id: UUID, limit: int) -> list[UUID]:
    """Its next executions, in the order of their ids."""
    return sorted(row[0] for row in connection.execute(TAKE, {"id": job_id, "limit": limit}))


def advance(
    connection: psycopg.Connection[Any],
    job_id: UUID,
    *,
    changed: int,
    skipped: int,
    failed: int,
    errors: Sequence[Mapping[str, str]],
) -> None:
    """Add to its counters and replace its `errors`; the job ends when nothing is left."""
    counts = {"changed": changed, "skipped": skipped, "failed": failed}
    connection.execute(ADVANCE, {"id": job_id, "errors": Json(list(errors)), **counts})


def stop(connection: psycopg.Connection[Any], job_id: UUID) -> bool:
    """Stop it where it is; False if it was over."""
    stopped = connection.execute(STOP, (job_id,)).rowcount == 1
    if stopped:
        connection.execute(CLEAR, (job_id,))
    return stopped
