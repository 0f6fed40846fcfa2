"""What the callers of webhooks wait for: a row from the start of the run on, filled by the step that answers."""

from dataclasses import dataclass
from typing import Any
from uuid import UUID

import psycopg
from psycopg.rows import class_row

from shared.db.wire import wire_of

KEPT_HOURS = 24
PRUNE_LIMIT = 500


@dataclass(frozen=True, slots=True)
class WaitedFor:
    """`state` is that of the run; `left_s` how long its caller waits yet, negative when the time is over."""

    state: str
    left_s: float
    closed: bool
    answered: bool
    status: int | None
    headers: dict[str, str] | None
    body: bytes | None


EXPECT = """
INSERT INTO webhook_answers (execution_id, waits_until)
VALUES (%(id)s, clock_timestamp() + make_interval(secs => %(wait_s)s::float8))
"""
LOOK = """
SELECT e.state, extract(epoch FROM a.waits_until - clock_timestamp())::float8 AS left_s, a.closed_at IS NOT NULL AS closed,
  a.answered_at IS NOT NULL AS answered, a.status, a.headers, a.body
FROM webhook_answers a JOIN executions e ON e.id = a.execution_id
WHERE a.execution_id = %(id)s AND e.id = %(id)s
"""
CLOSE = """
UPDATE webhook_answers SET closed_at = clock_timestamp()
WHERE execution_id = %s AND answered_at IS NULL AND closed_at IS NULL
"""
PRUNE = """
DELETE FROM webhook_answers WHERE execution_id = ANY (ARRAY(
  SELECT execution_id FROM webhook_answers WHERE waits_until < now() - make_interval(hours => %(hours)s)
  ORDER BY waits_until LIMIT %(limit)s FOR UPDATE SKIP LOCKED))
"""


def expect(connection: psycopg.Connection[Any], execution_id: UUID, wait_s: float) -> None:
    """A caller waits for this run, for so long; with the next round trip of the connection's wire."""
    wire_of(connection).send(EXPECT, {"id": execution_id, "wait_s": wait_s})


def look(connection: psycopg.Connection[Any], execution_id: UUID) -> WaitedFor | None:
    """How far it is; None where nobody waits, or the run is gone."""
    with connection.cursor(row_factory=class_row(WaitedFor)) as cursor:
        return cursor.execute(LOOK, {"id": execution_id}).fetchone()


def close(connection: psycopg.Connection[Any], execution_id: UUID) -> None:
    """Take no answer any more; one that was given stays."""
    connection.execute(CLOSE, (execution_id,))


def prune(connection: psycopg.Connection[Any], *, hours: int = KEPT_HOURS, limit: int = PRUNE_LIMIT) -> int:
    """Forget at most `limit` answers whose callers are gone for so long, the oldest first; returns how many."""
    return connection.execute(PRUNE, {"hours": hours, "limit": limit}).rowcount
