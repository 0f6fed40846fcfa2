"""Browser sessions. Only the SHA-256 hash of the cookie's key is stored."""

from dataclasses import dataclass
from typing import Any
from uuid import UUID

import psycopg
from psycopg.rows import class_row


@dataclass(frozen=True, slots=True)
class SessionHolder:
    """A valid session and its user. `seen_is_old`: the user's last noted visit is over a minute ago."""

    hash: bytes
    csrf: str
    seen_is_old: bool
    user_id: UUID
    email: str
    name: str
    role: str


FIND = """
SELECT s.hash, s.csrf, u.last_seen_at IS NULL OR u.last_seen_at < now() - interval '1 minute' AS seen_is_old,
  u.id AS user_id, u.email, u.name, u.role
FROM sessions s JOIN users u ON u.id = s.user_id
WHERE s.hash = %s AND s.expires_at > now() AND u.disabled_at IS NULL
"""
INSERT = """
INSERT INTO sessions (hash, user_id, csrf, expires_at) VALUES (%s, %s, %s, now() + %s * interval '1 day')
"""
DELETE = "DELETE FROM sessions WHERE hash = %s"
DELETE_EXPIRED = "DELETE FROM sessions WHERE expires_at < now()"
# SKIP LOCKED: requests that arrive together do not wait for each other to note the same minute.
TOUCH_USER = """
UPDATE users SET last_seen_at = now() WHERE id = (SELECT id FROM users WHERE id = %s FOR NO KEY UPDATE SKIP LOCKED)
"""


def find(connection: psycopg.Connection[Any], hashed: bytes) -> SessionHolder | None:
    """The session with this hash if it is valid now."""
    with connection.cursor(row_factory=class_row(SessionHolder)) as cursor:
        return cursor.execute(FIND, (hashed,)).fetchone()


def insert(connection: psycopg.Connection[Any], hashed: bytes, user_id: UUID, csrf: str, *, days: int) -> None:
    """Start a session that ends by itself after `days`."""
    connection.execute(INSERT, (hashed, user_id, csrf, days))


def delete(connection: psycopg.Connection[Any], hashed: bytes) -> None:
    """End the session."""
    connection.execute(DELETE, (hashed,))


def delete_expired(connection: psycopg.Connection[Any]) -> None:
    """Remove the rows of sessions that are over."""
    connection.execute(DELETE_EXPIRED)


def touch_user(connection: psycopg.Connection[Any], user_id: UUID) -> None:
    """Note that the user was here now, unless another request is doing just that."""
    connection.execute(TOUCH_USER, (user_id,))
