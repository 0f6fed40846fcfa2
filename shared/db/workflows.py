"""The registry's rows: drafts, and which version is published. Never deleted, only archived."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

import psycopg
from psycopg.rows import class_row
from psycopg.types.json import Jsonb

from shared.db.wire import wire_of


@dataclass(frozen=True, slots=True)
class Workflow:
    """A row of `workflows`; `definition` is the draft as Python values."""

    id: UUID
    owner_id: UUID
    name: str
    description: str
    definition: Any
    shared: bool
    enabled: bool
    revision: int
    published_version: int | None
    retention_days: int | None
    created_at: datetime
    updated_at: datetime
    vetted_credentials: dict[str, list[str]]
    """By the UUID of a credential that the draft names: hashes of the uses that somebody put there who could see it."""


@dataclass(frozen=True, slots=True)
class Startable:
    """What starting a workflow needs to know of it; `version_id` is None when the wanted version does not exist.

    `execution_id` is the id of an execution that starts now.
    """

    name: str
    enabled: bool
    published_version: int | None
    version_id: UUID | None
    execution_id: UUID


NONE_VETTED: Mapping[str, Sequence[str]] = {}
_COLUMNS = """
id, owner_id, name, description, definition, shared, enabled, revision, published_version, retention_days, created_at,
updated_at, vetted_credentials
"""

# `everything` is true for admins; others see their own and the shared ones.
GET = f"""
SELECT {_COLUMNS} FROM workflows
WHERE id = %(id)s AND archived_at IS NULL AND (%(everything)s OR owner_id = %(viewer)s OR shared)
"""
LOCK = f"{GET} FOR NO KEY UPDATE"
INSERT = f"""
INSERT INTO workflows (owner_id, name, description, definition, shared, retention_days, vetted_credentials)
VALUES (%s, %s, %s, %s, %s, %s, %s) RETURNING {_COLUMNS}
"""
UPDATE = f"""
UPDATE workflows SET name = %s, description = %s, definition = %s, shared = %s, enabled = %s,
  retention_days = %s, vetted_credentials = %s, revision = revision + 1, updated_at = now()
WHERE id = %s RETURNING {_COLUMNS}
"""
# The workflow with the id of one of its versions: number `number`, or the published one when that is NULL.
FOR_START = """
SELECT w.name, w.enabled, w.published_version, v.id AS version_id, uuid7() AS execution_id
FROM workflows w LEFT JOIN workflow_versions v
  ON v.workflow_id = w.id AND v.number = coalesce(%(number)s::int, w.published_version)
WHERE w.id = %(id)s AND w.archived_at IS NULL AND (%(everything)s OR w.owner_id = %(viewer)s OR w.shared)
"""
PUBLISH = "UPDATE workflows SET published_version = %s, revision = revision + 1, updated_at = now() WHERE id = %s"
ARCHIVE = "UPDATE workflows SET archived_at = now(), revision = revision + 1 WHERE id = %s"
IDS_BY_NAME = r"SELECT id FROM workflows WHERE name ILIKE %s ESCAPE '\' ORDER BY id DESC LIMIT %s"


def get(
    connection: psycopg.Connection[Any], workflow_id: UUID, *, viewer: UUID, everything: bool, lock: bool = False
) -> Workflow | None:
    """The workflow if this user may see it and it is not archived; `lock` holds its row until the transaction ends."""
    with connection.cursor(row_factory=class_row(Workflow)) as cursor:
        query = LOCK if lock else GET
        return cursor.execute(query, {"id": workflow_id, "viewer": viewer, "everything": everything}).fetchone()


def for_start(
    connection: psycopg.Connection[Any], workflow_id: UUID, number: int | None, *, viewer: UUID, everything: bool
) -> Startable | None:
    """The workflow and the id of version `number` (None: the published one), if this user may see it."""
    values = {"id": workflow_id, "number": number, "viewer": viewer, "everything": everything}
    wire = wire_of(connection)
    found = wire.send(FOR_START, values)
    wire.round_trip()
    return Startable(*found.rows[0]) if found.rows else None


def insert(
    connection: psycopg.Connection[Any],
    owner_id: UUID,
    *,
    name: str,
    description: str,
    definition: str,
    shared: bool = False,
    retention_days: int | None = None,
    vetted_credentials: Mapping[str, Sequence[str]] = NONE_VETTED,
) -> Workflow:
    """Add a workflow; `definition` is JSON text. `retention_days` None: as long as the instance keeps executions."""
    with connection.cursor(row_factory=class_row(Workflow)) as cursor:
        values = (owner_id, name, description, definition, shared, retention_days, Jsonb(vetted_credentials))
        row = cursor.execute(INSERT, values).fetchone()
    assert row is not None  # noqa: S101 - an INSERT without a conflict clause returns its row
    return row


def update(
    connection: psycopg.Connection[Any],
    workflow_id: UUID,
    *,
    name: str,
    description: str,
    definition: str,
    shared: bool,
    enabled: bool,
    retention_days: int | None,
    vetted_credentials: Mapping[str, Sequence[str]],
) -> Workflow:
    """Replace what the user may change and count the revision up. The caller holds the row (`get(lock=True)`)."""
    with connection.cursor(row_factory=class_row(Workflow)) as cursor:
        vetted = Jsonb(vetted_credentials)
        values = (name, description, definition, shared, enabled, retention_days, vetted, workflow_id)
        row = cursor.execute(UPDATE, values).fetchone()
    assert row is not None  # noqa: S101 - the caller holds the row
    return row


def set_published(connection: psycopg.Connection[Any], workflow_id: UUID, number: int) -> None:
    """Make version `number` the one that runs."""
    connection.execute(PUBLISH, (number, workflow_id))


def archive(connection: psycopg.Connection[Any], workflow_id: UUID) -> None:
    """Take it out of every list; its history stays."""
    connection.execute(ARCHIVE, (workflow_id,))


def ids_by_name(connection: psycopg.Connection[Any], pattern: str, limit: int) -> list[UUID]:
    """At most `limit` workflows, archived ones too, whose name matches the ILIKE pattern (escaped with a backslash)."""
    return [row[0] for row in connection.execute(IDS_BY_NAME, (pattern, limit))]
