"""What became of every firing of a trigger: one row each, so that none happens twice."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, NamedTuple
from uuid import UUID

import psycopg
from psycopg.rows import class_row

from shared.db.horizon import EVERYTHING, Horizon
from shared.db.users import ROLE_NOW

NO_SOURCE: Final = UUID(int=0)
MAX_BACKFILL = 1_000
"""Firings that one backfill may have."""
KEPT_DAYS = 30
PRUNE_LIMIT = 2_000


class FireKey(NamedTuple):
    """One firing: of which trigger, when, and for a run that is followed, which."""

    trigger_id: UUID
    fire_at: datetime
    source_id: UUID = NO_SOURCE


@dataclass(frozen=True, slots=True)
class WaitingFire:
    """A firing that is to start a run, with its trigger and workflow; `role` is that of the workflow's owner now."""

    trigger_id: UUID
    fire_at: datetime
    source_id: UUID
    cause: str
    workflow_id: UUID
    key: str
    config: dict[str, Any]
    owner_id: UUID
    role: str
    registered: bool

    @property
    def fire(self) -> FireKey:
        """Its key."""
        return FireKey(self.trigger_id, self.fire_at, self.source_id)


ADD = """
INSERT INTO trigger_fires (trigger_id, fire_at, source_id, cause, outcome, reason, count, execution_id)
VALUES (%(trigger_id)s, %(fire_at)s, %(source_id)s, %(cause)s, %(outcome)s, %(reason)s, %(count)s, %(execution_id)s)
ON CONFLICT DO NOTHING
"""
# One that started a run, or is about to, stays as it is.
QUEUE = """
INSERT INTO trigger_fires AS f (trigger_id, fire_at, cause, outcome)
SELECT %(trigger_id)s, at, 'backfill', 'waiting' FROM unnest(%(moments)s::timestamptz[]) AS at ORDER BY at
ON CONFLICT (trigger_id, fire_at, source_id) DO UPDATE
  SET cause = 'backfill', outcome = 'waiting', reason = '', count = 1, recorded_at = clock_timestamp()
  WHERE f.outcome IN ('missed', 'skipped', 'failed')
"""
# As many as `QUEUE` would change.
COUNT_TO_START = """
SELECT count(*) FROM unnest(%(moments)s::timestamptz[]) AS at
LEFT JOIN trigger_fires f ON f.trigger_id = %(trigger_id)s AND f.fire_at = at AND f.source_id = %(source_id)s
WHERE f.trigger_id IS NULL OR f.outcome IN ('missed', 'skipped', 'failed')
"""
CANCEL_WAITING = """
UPDATE trigger_fires SET outcome = 'skipped', reason = 'It was to be done again, and that was canceled.'
WHERE trigger_id = %s AND outcome = 'waiting' AND cause = 'backfill'
"""
_LIVES = """
EXISTS (SELECT FROM trigger_fires r JOIN executions e ON e.id = r.execution_id
  WHERE r.trigger_id = {trigger} AND r.execution_id BETWEEN %(lo)s AND %(hi)s AND e.id BETWEEN %(lo)s AND %(hi)s
    AND e.state IN ('queued', 'running', 'waiting'))
"""
LIVES = f"SELECT {_LIVES.format(trigger='%(trigger_id)s')}"
# Of those whose runs may not overlap, one after the other; whether one lives is asked once a trigger.
CLAIM_WAITING = f"""
WITH busy AS MATERIALIZED (
  SELECT d.trigger_id FROM (
    SELECT DISTINCT f.trigger_id FROM trigger_fires f JOIN triggers t ON t.id = f.trigger_id
    WHERE f.outcome = 'waiting' AND f.cause = 'backfill' AND %(cause)s = 'backfill' AND t.config ->> 'overlap' = 'skip') AS d
  WHERE {_LIVES.format(trigger="d.trigger_id")})
SELECT f.trigger_id, f.fire_at, f.source_id, f.cause, t.workflow_id, t.key, t.config, w.owner_id,
  {ROLE_NOW} AS role,
  t.removed_at IS NULL AND t.type = CASE f.cause WHEN 'backfill' THEN 'schedule' ELSE 'execution' END AS registered
FROM trigger_fires f JOIN triggers t ON t.id = f.trigger_id JOIN workflows w ON w.id = t.workflow_id
JOIN users u ON u.id = w.owner_id
WHERE f.outcome = 'waiting' AND f.cause = %(cause)s AND t.paused_at IS NULL
  AND f.trigger_id NOT IN (SELECT trigger_id FROM busy)
ORDER BY f.recorded_at, f.fire_at LIMIT %(limit)s FOR UPDATE OF f SKIP LOCKED
"""
FINISH = """
UPDATE trigger_fires SET outcome = %(outcome)s, reason = %(reason)s, execution_id = %(execution_id)s,
  recorded_at = clock_timestamp()
WHERE trigger_id = %(trigger_id)s AND fire_at = %(fire_at)s AND source_id = %(source_id)s
"""
# Those that started a run go with it.
PRUNE = """
DELETE FROM trigger_fires WHERE (trigger_id, fire_at, source_id) IN (
  SELECT trigger_id, fire_at, source_id FROM trigger_fires
  WHERE execution_id IS NULL AND outcome <> 'waiting' AND recorded_at < now() - make_interval(days => %(days)s)
  ORDER BY recorded_at LIMIT %(limit)s FOR UPDATE SKIP LOCKED)
"""


def add(
    connection: psycopg.Connection[Any],
    fire: FireKey,
    cause: str,
    outcome: str,
    *,
    reason: str = "",
    count: int = 1,
    execution_id: UUID | None = None,
) -> bool:
    """Put down a firing; False if there is one with this key."""
    values = {"cause": cause, "outcome": outcome, "reason": reason, "count": count, "execution_id": execution_id}
    return connection.execute(ADD, values | fire._asdict()).rowcount == 1


def queue(connection: psycopg.Connection[Any], trigger_id: UUID, moments: Sequence[datetime]) -> int:
    """Let firings of the past start runs, those that started one excepted; returns how many will."""
    return connection.execute(QUEUE, {"trigger_id": trigger_id, "moments": list(moments)}).rowcount


def count_to_start(connection: psycopg.Connection[Any], trigger_id: UUID, moments: Sequence[datetime]) -> int:
    """How many of these firings `queue` would let start a run."""
    values = {"trigger_id": trigger_id, "moments": list(moments), "source_id": NO_SOURCE}
    row = connection.execute(COUNT_TO_START, values).fetchone()
    return row[0] if row is not None else 0


def cancel_waiting(connection: psycopg.Connection[Any], trigger_id: UUID) -> int:
    """Let nothing more of what was queued start; returns how many."""
    return connection.execute(CANCEL_WAITING, (trigger_id,)).rowcount


def lives(connection: psycopg.Connection[Any], trigger_id: UUID, horizon: Horizon = EVERYTHING) -> bool:
    """Whether a run that this trigger started is not over."""
    row = connection.execute(LIVES, {"trigger_id": trigger_id, **horizon._asdict()}).fetchone()
    return row is not None and bool(row[0])


def claim_waiting(
    connection: psycopg.Connection[Any], cause: str, limit: int, horizon: Horizon = EVERYTHING
) -> list[WaitingFire]:
    """Firings that wait, the oldest first, of triggers that are not paused; held until the transaction ends."""
    with connection.cursor(row_factory=class_row(WaitingFire)) as cursor:
        values = {"cause": cause, "limit": limit, **horizon._asdict()}
        return cursor.execute(CLAIM_WAITING, values).fetchall()


def finish(
    connection: psycopg.Connection[Any],
    fire: FireKey,
    outcome: str,
    *,
    reason: str = "",
    execution_id: UUID | None = None,
) -> None:
    """Put down what became of a firing that waited. The caller holds its row."""
    values = {"outcome": outcome, "reason": reason, "execution_id": execution_id}
    connection.execute(FINISH, values | fire._asdict())


def prune(connection: psycopg.Connection[Any], *, days: int = KEPT_DAYS, limit: int = PRUNE_LIMIT) -> int:
    """Forget at most `limit` firings that started nothing and are older than `days`; returns how many."""
    return connection.execute(PRUNE, {"days": days, "limit": limit}).rowcount
