"""People: never deleted, only disabled."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

import psycopg
from psycopg.rows import class_row


@dataclass(frozen=True, slots=True)
class User:
    """A row of `users`."""

    id: UUID
    email: str
    name: str
    role: str
    password_hash: str | None
    disabled_at: datetime | None


ACTIVE = "u.disabled_at IS NULL"
"""Of `users u`: whether something may happen in their name."""
ROLE_NOW = f"CASE WHEN {ACTIVE} THEN u.role ELSE '' END"
"""Of `users u`: the role that counts, see `shared.auth.access.may_start`."""
_COLUMNS = "id, email, name, role, password_hash, disabled_at"

BY_EMAIL = f"SELECT {_COLUMNS} FROM users WHERE lower(email) = lower(%s)"
FIRST_ADMIN = f"""
SELECT {_COLUMNS} FROM users WHERE role = 'admin' AND disabled_at IS NULL ORDER BY id LIMIT 1
"""
BY_ID = f"SELECT {_COLUMNS} FROM users WHERE id = %s"
# No row when the e-mail is taken.
INSERT = f"""
INSERT INTO users (email, name, role, password_hash) VALUES (%s, %s, %s, %s)
ON CONFLICT DO NOTHING RETURNING {_COLUMNS}
"""
IDS_BY_NAME = r"""
SELECT id FROM users WHERE name ILIKE %(pattern)s ESCAPE '\' OR email ILIKE %(pattern)s ESCAPE '\'
ORDER BY id DESC LIMIT %(limit)s
"""


def by_email(connection: psycopg.Connection[Any], email: str) -> User | None:
    """The user with this e-mail, in any letter case."""
    with connection.cursor(row_factory=class_row(User)) as cursor:
        return cursor.execute(BY_EMAIL, (email,)).fetchone()


def get(connection: psycopg.Connection[Any], user_id: UUID) -> User | None:
    """The user with this id."""
    with connection.cursor(row_factory=class_row(User)) as cursor:
        return cursor.execute(BY_ID, (user_id,)).fetchone()


def first_admin(connection: psycopg.Connection[Any]) -> User | None:
    """The oldest admin who is not disabled."""
    with connection.cursor(row_factory=class_row(User)) as cursor:
        return cursor.execute(FIRST_ADMIN).fetchone()


def insert(
    connection: psycopg.Connection[Any], email: str, name: str, role: str, password_hash: str | None
) -> User | None:
    """Add a user; None when the e-mail is taken."""
    with connection.cursor(row_factory=class_row(User)) as cursor:
        return cursor.execute(INSERT, (email, name, role, password_hash)).fetchone()


def ids_by_name(connection: psycopg.Connection[Any], pattern: str, limit: int) -> list[UUID]:
    """At most `limit` users whose name or e-mail matches the ILIKE pattern (escaped with a backslash)."""
    return [row[0] for row in connection.execute(IDS_BY_NAME, {"pattern": pattern, "limit": limit})]
