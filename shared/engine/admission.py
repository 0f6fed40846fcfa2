"""Limits of concurrency and rate: a run of a workflow that has them waits, `queued`, until it is admitted.

Nobody counts up and down: an admitted run has a row, and whether it is over is read from the run itself, so no crash leaks
a slot. One transaction admits runs of one workflow, under a lock for that workflow.
"""

from collections import Counter
from collections.abc import Sequence
from typing import Any
from uuid import UUID

import psycopg

from shared.broker import StepRef
from shared.domain.limits import Applicant, Limits, Occupancy

LIMIT = 200

ACTIVE = "SELECT execution_id FROM admissions WHERE admitted_at IS NOT NULL AND over_at IS NULL ORDER BY execution_id"
"""Runs that hold a slot."""

OVER = """
SELECT id FROM executions
WHERE id = ANY(%(ids)s::uuid[]) AND id BETWEEN %(lo)s AND %(hi)s AND completed_at IS NOT NULL
"""
"""Those of them that are over."""

RELEASE = "UPDATE admissions SET over_at = clock_timestamp() WHERE execution_id = ANY(%(ids)s)"
"""They hold no slot any more."""

FORGET = """
DELETE FROM admissions
WHERE over_at IS NOT NULL AND admitted_at <= now() - make_interval(secs => coalesce(rate_ms, 0) / 1000.0)
"""
"""Runs that are over, and whose start no window of time remembers."""

WAITING_WORKFLOWS = """
WITH RECURSIVE found AS (
  (SELECT workflow_id FROM admissions WHERE admitted_at IS NULL ORDER BY workflow_id LIMIT 1)
  UNION ALL
  SELECT (SELECT a.workflow_id FROM admissions a WHERE a.admitted_at IS NULL AND a.workflow_id > f.workflow_id
          ORDER BY a.workflow_id LIMIT 1) FROM found f WHERE f.workflow_id IS NOT NULL)
SELECT workflow_id FROM found WHERE workflow_id IS NOT NULL
"""
"""Workflows with runs that wait; as many look-ups, however many runs wait."""

LOCK_WORKFLOW = "SELECT pg_advisory_xact_lock(hashtextextended(%s::text, 7301))"
"""One process at a time decides for a workflow. The first lock of an admission."""

OCCUPANCY = """
SELECT key, over_at IS NULL, extract(epoch FROM clock_timestamp() - admitted_at)::float8
FROM admissions WHERE workflow_id = %s AND admitted_at IS NOT NULL
"""
"""What a workflow has now."""

NEXT = """
SELECT execution_id, key, max_concurrent, max_per_key, rate_max, rate_ms FROM admissions
WHERE workflow_id = %(workflow_id)s AND admitted_at IS NULL AND key <> ALL(%(full_keys)s::text[])
ORDER BY priority DESC, execution_id LIMIT %(limit)s
"""
"""Who is next: by priority, then by age."""

LOCK_EXECUTIONS = """
SELECT id, priority, state = 'queued' AND stopping IS NULL FROM executions
WHERE id = ANY(%(ids)s::uuid[]) AND id BETWEEN %(lo)s AND %(hi)s ORDER BY id FOR NO KEY UPDATE
"""
"""The runs to admit, in the order that everybody keeps, and whether they still want to."""

ADMIT = "UPDATE admissions SET admitted_at = clock_timestamp() WHERE execution_id = ANY(%(ids)s)"
"""They hold a slot from now on."""

DROP = "DELETE FROM admissions WHERE execution_id = ANY(%(ids)s)"
"""They were canceled while they waited."""

BEGIN = """
UPDATE executions SET queued_reason = NULL, revision = revision + 1
WHERE id = ANY(%(ids)s::uuid[]) AND id BETWEEN %(lo)s AND %(hi)s
"""
"""Nothing holds them back any more."""

READY = """
UPDATE steps SET ready_at = clock_timestamp(), due_at = clock_timestamp() + make_interval(secs => %(republish_s)s),
  tx = pg_current_xact_id()
WHERE execution_id = ANY(%(ids)s::uuid[]) AND execution_id BETWEEN %(lo)s AND %(hi)s AND state = 'ready'
RETURNING execution_id, node, item, pool
"""
"""Their first steps."""


def release(connection: psycopg.Connection[Any]) -> int:
    """Give back the slots of runs that are over; returns how many. On an autocommit connection."""
    active = [row[0] for row in connection.execute(ACTIVE)]
    if not active:
        return 0
    over = [row[0] for row in connection.execute(OVER, {"ids": active, "lo": active[0], "hi": active[-1]})]
    if over:
        connection.execute(RELEASE, {"ids": over})
    connection.execute(FORGET)
    return len(over)


def waiting_workflows(connection: psycopg.Connection[Any]) -> list[UUID]:
    """Workflows with runs that wait for their turn."""
    return [row[0] for row in connection.execute(WAITING_WORKFLOWS)]


def admit(connection: psycopg.Connection[Any], workflow_id: UUID, *, republish_s: float = 5.0) -> list[StepRef]:
    """Admit whoever may begin, in a transaction of its own; the steps to publish after it."""
    with connection.transaction():
        connection.execute(LOCK_WORKFLOW, (workflow_id,))
        ready: list[StepRef] = []
        full_keys: set[str] = set()
        while True:
            occupancy = _occupancy(connection, workflow_id, full_keys)
            values = {"workflow_id": workflow_id, "full_keys": sorted(full_keys), "limit": LIMIT}
            applicants = [Applicant(row[0], row[1], Limits(*row[2:])) for row in connection.execute(NEXT, values)]
            admitted = occupancy.admit(applicants)
            begun = _begin(connection, admitted, republish_s)
            ready += begun
            # Whoever was canceled while waiting has left a free place.
            left = len(admitted) > len({ref.execution_id for ref in begun})
            if not left and (occupancy.full or len(applicants) < LIMIT):
                return ready


def _occupancy(connection: psycopg.Connection[Any], workflow_id: UUID, full_keys: set[str]) -> Occupancy:
    rows = connection.execute(OCCUPANCY, (workflow_id,)).fetchall()
    return Occupancy(Counter(row[0] for row in rows if row[1]), [row[2] for row in rows], full_keys)


def _begin(connection: psycopg.Connection[Any], admitted: Sequence[UUID], republish_s: float) -> list[StepRef]:
    if not admitted:
        return []
    bounds = {"lo": min(admitted), "hi": max(admitted)}
    locked = connection.execute(LOCK_EXECUTIONS, {"ids": list(admitted), **bounds}).fetchall()
    willing = {row[0]: row[1] for row in locked if row[2]}
    gone = [id for id in admitted if id not in willing]
    if gone:
        connection.execute(DROP, {"ids": gone})
    ids = list(willing)
    connection.execute(ADMIT, {"ids": ids})
    connection.execute(BEGIN, {"ids": ids, **bounds})
    ready = connection.execute(READY, {"ids": ids, "republish_s": republish_s, **bounds})
    return [StepRef(row[0], row[1], row[2], row[3], willing[row[0]]) for row in ready]
