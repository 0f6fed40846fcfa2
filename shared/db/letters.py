"""The dead letters' rows, and how one is closed. A retry holds the execution first, then the letter."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import psycopg
from psycopg.rows import class_row


@dataclass(frozen=True, slots=True)
class Letter:
    """What closing a letter needs to know of it, and of its workflow."""

    id: UUID
    execution_id: UUID
    workflow_id: UUID
    workflow_name: str
    state: str
    redriven_as: UUID | None


LOCK = """
SELECT d.id, d.execution_id, d.workflow_id, w.name AS workflow_name, d.state, d.redriven_as
FROM dead_letters d JOIN workflows w ON w.id = d.workflow_id
WHERE d.id = ANY(%s) ORDER BY d.id FOR NO KEY UPDATE OF d
"""
CLOSE = "UPDATE dead_letters SET state = %(state)s, closed_at = now(), closed_by = %(user)s WHERE id = %(id)s"
CLOSE_RETRIED = """
UPDATE dead_letters SET state = 'redriven', redriven_as = %(retry)s, closed_at = now(), closed_by = %(user)s
WHERE execution_id = %(first)s AND redriven_as IS NULL
"""
COUNT_OPEN = "SELECT count(*) FROM (SELECT FROM dead_letters WHERE state = 'open' LIMIT %s) AS open"


def lock(connection: psycopg.Connection[Any], letter_ids: Sequence[UUID]) -> list[Letter]:
    """These letters as they are now, held until the transaction ends, by id; those that are gone are missing."""
    with connection.cursor(row_factory=class_row(Letter)) as cursor:
        return cursor.execute(LOCK, (list(letter_ids),)).fetchall()


def close(connection: psycopg.Connection[Any], letter_id: UUID, state: str, user_id: UUID) -> None:
    """Note what became of it (`dismissed`), by whom, and now. The caller holds it."""
    connection.execute(CLOSE, {"id": letter_id, "state": state, "user": user_id})


def close_retried(connection: psycopg.Connection[Any], first: UUID, retry: UUID, user_id: UUID) -> None:
    """A retry deals with the letter of a failed execution, which the caller holds; one that names a retry keeps it.

    A letter that is not written yet is written as closed (shared/engine/bury.py).
    """
    connection.execute(CLOSE_RETRIED, {"first": first, "retry": retry, "user": user_id})


def count_open(connection: psycopg.Connection[Any], limit: int) -> int:
    """How many are open; never above `limit`."""
    row = connection.execute(COUNT_OPEN, (limit,)).fetchone()
    return int(row[0]) if row is not None else 0
