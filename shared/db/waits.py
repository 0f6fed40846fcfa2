"""What steps ask somebody outside, and what they were answered: one row for each step that ever asked."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

import psycopg
from psycopg.rows import class_row

from shared.domain.outcome import Key


@dataclass(frozen=True, slots=True)
class Wait:
    """A row of `waits`. `closed_at` None: the step waits for an answer at this moment."""

    kind: str
    workflow_id: UUID
    message: str
    approvers: list[str] | None
    asked_at: datetime | None
    expires_at: datetime | None
    closed_at: datetime | None
    answered_at: datetime | None
    answered_by: UUID | None


FIND = """
SELECT kind, workflow_id, message, approvers, asked_at, expires_at, closed_at, answered_at, answered_by FROM waits
WHERE execution_id = %s AND node = %s AND item = %s
"""
GIVE = """
UPDATE waits SET answer = %(answer)s::json, answered_by = %(by)s, answered_at = clock_timestamp(),
  closed_at = clock_timestamp()
WHERE execution_id = %(execution_id)s AND node = %(node)s AND item = %(item)s AND kind = %(kind)s AND closed_at IS NULL
"""
"""Answer an open question."""
ANSWER = "SELECT answer FROM waits WHERE execution_id = %s AND node = %s AND item = %s"


def find(connection: psycopg.Connection[Any], key: Key) -> Wait | None:
    """What this step asks, or asked last."""
    with connection.cursor(row_factory=class_row(Wait)) as cursor:
        return cursor.execute(FIND, key).fetchone()


def give(connection: psycopg.Connection[Any], key: Key, kind: str, answer: str, by: UUID | None) -> bool:
    """Store the answer (JSON) to an open question of this kind; False if there is none. The execution is locked."""
    values = {"execution_id": key[0], "node": key[1], "item": key[2], "kind": kind, "answer": answer, "by": by}
    return connection.execute(GIVE, values).rowcount == 1


def answer_of(connection: psycopg.Connection[Any], key: Key) -> Any:
    """The answer as a value; None where there is none."""
    row = connection.execute(ANSWER, key).fetchone()
    return row[0] if row is not None else None
