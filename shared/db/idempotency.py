"""Answers remembered by (user, route, key), so that a repeated request creates nothing twice."""

from dataclasses import dataclass
from typing import Any
from uuid import UUID

import psycopg
from psycopg.rows import class_row


@dataclass(frozen=True, slots=True)
class Remembered:
    """What the first request asked (hash) and what it was answered; `response` is JSON text."""

    request_hash: bytes
    status: int | None
    location: str | None
    response: str | None


KEPT_HOURS = 24
PRUNE_LIMIT = 2_000

LOCK_TIMEOUT = "SELECT set_config('lock_timeout', %s, true)"
# Waits for a concurrent request with the same key until that one commits or rolls back.
CLAIM = """
INSERT INTO idempotency_keys (user_id, route, key, request_hash) VALUES (%s, %s, %s, %s)
ON CONFLICT DO NOTHING RETURNING key
"""
FIND = """
SELECT request_hash, status, location, response::text AS response FROM idempotency_keys
WHERE user_id = %s AND route = %s AND key = %s
"""
REMEMBER = """
UPDATE idempotency_keys SET status = %s, location = %s, response = %s WHERE user_id = %s AND route = %s AND key = %s
"""

# A request that is still running holds its own key.
PRUNE = """
DELETE FROM idempotency_keys WHERE ctid = ANY (ARRAY(
  SELECT ctid FROM idempotency_keys WHERE created_at < now() - make_interval(hours => %(hours)s)
  ORDER BY created_at LIMIT %(limit)s FOR UPDATE SKIP LOCKED))
"""


def claim(
    connection: psycopg.Connection[Any], user_id: UUID, route: str, key: str, request_hash: bytes, *, wait_ms: int
) -> bool:
    """Take the key in this transaction; False if an earlier request has it.

    Raises psycopg.errors.LockNotAvailable when a concurrent twin has not ended after `wait_ms` milliseconds.
    """
    row = connection.execute("SHOW lock_timeout").fetchone()
    before = row[0] if row is not None else "0"
    connection.execute(LOCK_TIMEOUT, (f"{wait_ms}ms",))
    taken = connection.execute(CLAIM, (user_id, route, key, request_hash)).fetchone() is not None
    connection.execute(LOCK_TIMEOUT, (before,))
    return taken


def find(connection: psycopg.Connection[Any], user_id: UUID, route: str, key: str) -> Remembered | None:
    """What is remembered under the key."""
    with connection.cursor(row_factory=class_row(Remembered)) as cursor:
        return cursor.execute(FIND, (user_id, route, key)).fetchone()


def remember(
    connection: psycopg.Connection[Any],
    user_id: UUID,
    route: str,
    key: str,
    *,
    status: int,
    location: str | None,
    response: str,
) -> None:
    """Store the answer under a key that this transaction has claimed."""
    connection.execute(REMEMBER, (status, location, response, user_id, route, key))


def prune(connection: psycopg.Connection[Any], *, hours: int = KEPT_HOURS, limit: int = PRUNE_LIMIT) -> int:
    """Forget at most `limit` answers that are older than `hours`, the oldest first; returns how many."""
    return connection.execute(PRUNE, {"hours": hours, "limit": limit}).rowcount
