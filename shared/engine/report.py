"""A child is over: its parent's step goes on, and what it used is added to the parent's sums. Found without a lock; parent and
child are changed in transactions of their own, in this order, so a crash between them repeats the first, which changes nothing.
"""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

import psycopg

from shared.db import subruns
from shared.db.horizon import EVERYTHING, Horizon
from shared.db.subruns import Subrun, Used
from shared.domain.outcome import Kind, Outcome
from shared.engine.complete import Applied, apply

LIMIT = 200

UNREPORTED = """
SELECT id FROM executions WHERE awaited AND completed_at IS NOT NULL AND id BETWEEN %(lo)s AND %(hi)s
  AND id <> ALL(%(without)s::uuid[])
ORDER BY id LIMIT %(limit)s
"""
"""Children that are over, and whose parents have not heard of it."""

LOCK_PARENT = "SELECT FROM executions WHERE id = %s FOR NO KEY UPDATE"
"""First lock, as of every other transition."""

USED = """
SELECT ai_tokens + child_ai_tokens, api_calls + child_api_calls, ai_cost_nano + child_ai_cost_nano
FROM executions WHERE id = %s
"""
"""What an execution used, with the children it waited for."""

ADD_USED = """
UPDATE executions e SET child_ai_tokens = e.child_ai_tokens + %(ai_tokens)s,
  child_api_calls = e.child_api_calls + %(api_calls)s,
  child_ai_cost_nano = e.child_ai_cost_nano + %(ai_cost_nano)s, revision = e.revision + 1,
  awaited = e.awaited OR (e.completed_at IS NOT NULL AND EXISTS (SELECT FROM subruns r WHERE r.child_id = e.id AND r.waits))
WHERE e.id = %(id)s
"""
"""Add what a child used; a parent that has reported itself already does so again."""

FORGET = """
UPDATE executions e SET awaited = false WHERE e.id = %(id)s AND NOT EXISTS (
  SELECT FROM subruns r WHERE r.child_id = e.id
    AND (r.ai_tokens <> e.ai_tokens + e.child_ai_tokens OR r.api_calls <> e.api_calls + e.child_api_calls
      OR r.ai_cost_nano <> e.ai_cost_nano + e.child_ai_cost_nano))
"""
"""The parent has heard of it, unless a child of this one has added something since."""


def unreported(
    connection: psycopg.Connection[Any],
    *,
    without: Sequence[UUID] = (),
    limit: int = LIMIT,
    horizon: Horizon = EVERYTHING,
) -> list[UUID]:
    """Children to report, the oldest first."""
    values = {"limit": limit, "without": list(without), **horizon._asdict()}
    return [row[0] for row in connection.execute(UNREPORTED, values)]


def report_child(connection: psycopg.Connection[Any], child_id: UUID, *, republish_s: float = 5.0) -> Applied:
    """Tell the parent that its child is over, on an autocommit connection; publish `ready` afterwards. Safe to repeat.

    A step that has not begun to wait finds out when it does: both hold the parent's lock.
    """
    child = subruns.of_child(connection, child_id)
    applied = Applied([], set(), 0)
    if child is not None:
        with connection.transaction():
            applied = _tell(connection, child, republish_s)
    connection.execute(FORGET, {"id": child_id})
    return applied


def _tell(connection: psycopg.Connection[Any], told: Subrun, republish_s: float) -> Applied:
    if connection.execute(LOCK_PARENT, (told.execution_id,)).fetchone() is None:
        return Applied([], set(), 0)
    applied = Applied([], {told.execution_id}, 0)
    current = subruns.newest(connection, told.key)
    if current is not None and current.child_id == told.child_id:
        applied += apply(connection, [Outcome(told.key, Kind.RESUMED)], republish_s=republish_s)
    _add_used(connection, told.child_id)
    return applied


def _add_used(connection: psycopg.Connection[Any], child_id: UUID) -> None:
    """Add what is new since the last time, which is nothing where this is repeated."""
    child, used = subruns.of_child(connection, child_id), connection.execute(USED, (child_id,)).fetchone()
    assert child is not None  # noqa: S101 - rows of subruns stay
    now = Used(*(used or child.used))
    subruns.set_over(connection, child_id, now)
    more = Used(*(new - old for new, old in zip(now, child.used, strict=True)))
    if any(more):
        connection.execute(ADD_USED, {"id": child.execution_id, **more._asdict()})
