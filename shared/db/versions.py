"""Immutable definitions: published ones have a number, the definition of a draft run has none."""

from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256
from typing import Any
from uuid import UUID

import psycopg
from psycopg.rows import class_row


@dataclass(frozen=True, slots=True)
class Version:
    """A version without its definition."""

    id: UUID
    number: int | None
    checksum: bytes
    created_at: datetime
    created_by: UUID
    author: str


_COLUMNS = "v.id, v.number, v.checksum, v.created_at, v.created_by, u.name AS author"

# The caller holds the workflow's row, so two publishers cannot take the same number.
INSERT_PUBLISHED = """
INSERT INTO workflow_versions (workflow_id, number, definition, checksum, created_by)
SELECT %(workflow)s, coalesce(max(number), 0) + 1, %(definition)s, %(checksum)s, %(user)s
FROM workflow_versions WHERE workflow_id = %(workflow)s
RETURNING id, number
"""
INSERT_DRAFT = """
INSERT INTO workflow_versions (workflow_id, number, definition, checksum, created_by) VALUES (%s, NULL, %s, %s, %s)
ON CONFLICT (workflow_id, checksum) WHERE number IS NULL DO NOTHING RETURNING id
"""
FIND_DRAFT = "SELECT id FROM workflow_versions WHERE workflow_id = %s AND checksum = %s AND number IS NULL"
BY_NUMBER = f"""
SELECT {_COLUMNS} FROM workflow_versions v JOIN users u ON u.id = v.created_by
WHERE v.workflow_id = %s AND v.number = %s
"""
DEFINITION = "SELECT definition FROM workflow_versions WHERE id = %s"
PAGE = f"""
SELECT {_COLUMNS} FROM workflow_versions v JOIN users u ON u.id = v.created_by
WHERE v.workflow_id = %(workflow)s AND v.number IS NOT NULL AND (%(before)s::int IS NULL OR v.number < %(before)s::int)
ORDER BY v.number DESC LIMIT %(limit)s
"""


def checksum(definition: str) -> bytes:
    """SHA-256 of the definition's JSON text."""
    return sha256(definition.encode()).digest()


def insert_published(
    connection: psycopg.Connection[Any], workflow_id: UUID, definition: str, user_id: UUID
) -> tuple[UUID, int]:
    """Add the next version; returns its id and number. The caller holds the workflow's row."""
    values = {"workflow": workflow_id, "definition": definition, "checksum": checksum(definition), "user": user_id}
    row = connection.execute(INSERT_PUBLISHED, values).fetchone()
    assert row is not None  # noqa: S101 - an aggregate without GROUP BY has one row
    return row[0], row[1]


def ensure_draft(connection: psycopg.Connection[Any], workflow_id: UUID, definition: str, user_id: UUID) -> UUID:
    """The version that holds exactly this draft; stored at its first run."""
    hashed = checksum(definition)
    row = connection.execute(FIND_DRAFT, (workflow_id, hashed)).fetchone()
    if row is None:
        row = connection.execute(INSERT_DRAFT, (workflow_id, definition, hashed, user_id)).fetchone()
    if row is None:  # another run of the same draft stored it just now
        row = connection.execute(FIND_DRAFT, (workflow_id, hashed)).fetchone()
    assert row is not None  # noqa: S101 - versions are never deleted
    found: UUID = row[0]
    return found


def by_number(connection: psycopg.Connection[Any], workflow_id: UUID, number: int) -> Version | None:
    """The published version with this number."""
    with connection.cursor(row_factory=class_row(Version)) as cursor:
        return cursor.execute(BY_NUMBER, (workflow_id, number)).fetchone()


def definition_of(connection: psycopg.Connection[Any], version_id: UUID) -> Any:
    """The definition as Python values; None when there is no such version."""
    row = connection.execute(DEFINITION, (version_id,)).fetchone()
    return row[0] if row is not None else None


def page(connection: psycopg.Connection[Any], workflow_id: UUID, before: int | None, limit: int) -> list[Version]:
    """Published versions below `before`, newest first."""
    with connection.cursor(row_factory=class_row(Version)) as cursor:
        return cursor.execute(PAGE, {"workflow": workflow_id, "before": before, "limit": limit}).fetchall()
