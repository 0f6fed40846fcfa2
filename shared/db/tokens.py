"""API tokens. Only their SHA-256 hash is stored."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

import psycopg
from psycopg.rows import class_row

from shared.db.wire import bytea, wire_of


@dataclass(frozen=True, slots=True)
class TokenHolder:
    """A valid token and its owner. `use_is_old`: the last noted use is over a minute ago."""

    token_id: UUID
    hash: bytes
    scopes: list[str]
    use_is_old: bool
    user_id: UUID
    email: str
    name: str
    role: str


@dataclass(frozen=True, slots=True)
class Token:
    """A token as its owner sees it in a list."""

    id: UUID
    name: str
    hint: str
    scopes: list[str]
    created_at: datetime
    expires_at: datetime | None
    last_used_at: datetime | None


FIND = """
SELECT t.id AS token_id, t.hash, t.scopes,
  t.last_used_at IS NULL OR t.last_used_at < now() - interval '1 minute' AS use_is_old,
  u.id AS user_id, u.email, u.name, u.role
FROM api_tokens t JOIN users u ON u.id = t.user_id
WHERE t.hash = %(hash)s AND t.revoked_at IS NULL AND (t.expires_at IS NULL OR t.expires_at > now()) AND u.disabled_at IS NULL
"""
# SKIP LOCKED: requests that arrive together do not wait for each other to note the same minute.
TOUCH = """
UPDATE api_tokens SET last_used_at = now()
WHERE id = (SELECT id FROM api_tokens WHERE id = %s FOR UPDATE SKIP LOCKED)
"""
INSERT = """
INSERT INTO api_tokens (user_id, name, hash, hint, scopes, expires_at)
VALUES (%s, %s, %s, %s, %s, now() + %s * interval '1 second')
RETURNING id, name, hint, scopes, created_at, expires_at, last_used_at
"""
PAGE = """
SELECT id, name, hint, scopes, created_at, expires_at, last_used_at FROM api_tokens
WHERE user_id = %(user)s AND revoked_at IS NULL AND (%(before)s::uuid IS NULL OR id < %(before)s::uuid)
ORDER BY id DESC LIMIT %(limit)s
"""
REVOKE = "UPDATE api_tokens SET revoked_at = now() WHERE id = %s AND user_id = %s AND revoked_at IS NULL"
EXISTS = "SELECT user_id FROM api_tokens WHERE hash = %s"


def find(connection: psycopg.Connection[Any], hashed: bytes) -> TokenHolder | None:
    """The token with this hash if it is valid now: not revoked, not expired, owner not disabled."""
    wire = wire_of(connection)
    found = wire.send(FIND, {"hash": bytea(hashed)})
    wire.round_trip()
    return TokenHolder(*found.rows[0]) if found.rows else None


def touch(connection: psycopg.Connection[Any], token_id: UUID) -> None:
    """Note the use now, unless another request is doing just that."""
    connection.execute(TOUCH, (token_id,))


def insert(
    connection: psycopg.Connection[Any],
    user_id: UUID,
    name: str,
    *,
    hashed: bytes,
    hint: str,
    scopes: list[str],
    expires_in_s: int | None,
) -> Token:
    """Add a token; it never expires when `expires_in_s` is None."""
    with connection.cursor(row_factory=class_row(Token)) as cursor:
        row = cursor.execute(INSERT, (user_id, name, hashed, hint, scopes, expires_in_s)).fetchone()
    assert row is not None  # noqa: S101 - an INSERT without a conflict clause returns its row
    return row


def page(connection: psycopg.Connection[Any], user_id: UUID, before: UUID | None, limit: int) -> list[Token]:
    """The user's tokens that are not revoked, newest first, older than `before`."""
    with connection.cursor(row_factory=class_row(Token)) as cursor:
        return cursor.execute(PAGE, {"user": user_id, "before": before, "limit": limit}).fetchall()


def revoke(connection: psycopg.Connection[Any], token_id: UUID, user_id: UUID) -> bool:
    """End the token for good; False when the user has no such valid token."""
    return connection.execute(REVOKE, (token_id, user_id)).rowcount == 1


def owner_of(connection: psycopg.Connection[Any], hashed: bytes) -> UUID | None:
    """Whose token this is, valid or not; None when there is none."""
    row = connection.execute(EXISTS, (hashed,)).fetchone()
    return row[0] if row is not None else None
