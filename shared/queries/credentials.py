"""Credentials as the API shows them: nothing that is encrypted."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

import psycopg
from psycopg.rows import class_row

from shared import ids
from shared.db.credentials import StoredCredential
from shared.queries.shapes import Viewer, like_pattern, ms

# Newest first; admins see every credential, others their own and the shared ones.
PAGE = r"""
SELECT c.id, c.owner_id, u.name AS owner_name, c.name, c.type, c.shared, c.hosts, c.revision, c.created_at,
  c.updated_at, c.last_used_at
FROM credentials c JOIN users u ON u.id = c.owner_id
WHERE (%(everything)s OR c.owner_id = %(viewer)s OR c.shared)
  AND (%(before)s::uuid IS NULL OR c.id < %(before)s::uuid)
  AND (%(types)s::text[] IS NULL OR c.type = ANY(%(types)s::text[]))
  AND (%(pattern)s::text IS NULL OR c.name ILIKE %(pattern)s::text ESCAPE '\'
    OR c.type ILIKE %(pattern)s::text ESCAPE '\')
ORDER BY c.id DESC LIMIT %(limit)s
"""
OWNER = "SELECT name FROM users WHERE id = %s"
# Drafts and published versions; an id has one spelling in every definition that the editor wrote.
USERS_OF = """
SELECT w.id, w.name, %(everything)s OR w.owner_id = %(viewer)s OR w.shared AS visible
FROM workflows w LEFT JOIN workflow_versions v ON v.workflow_id = w.id AND v.number = w.published_version
WHERE w.archived_at IS NULL
  AND (strpos(lower(w.definition::text), %(id)s) > 0 OR strpos(lower(v.definition::text), %(id)s) > 0)
ORDER BY w.id DESC
"""


@dataclass(frozen=True, slots=True)
class CredentialRow:
    """What `PAGE` selects."""

    id: UUID
    owner_id: UUID
    owner_name: str
    name: str
    type: str
    shared: bool
    hosts: list[str]
    revision: int
    created_at: datetime
    updated_at: datetime
    last_used_at: datetime | None


def page(
    connection: psycopg.Connection[Any],
    viewer: Viewer,
    *,
    search: str | None,
    types: Sequence[str],
    before: UUID | None,
    limit: int,
) -> list[dict[str, Any]]:
    """At most `limit` credentials older than `before`, newest first."""
    values = {
        "viewer": viewer.user_id,
        "everything": viewer.everything,
        "before": before,
        "types": list(types) or None,
        "pattern": None if search is None else like_pattern(search),
        "limit": limit,
    }
    with connection.cursor(row_factory=class_row(CredentialRow)) as cursor:
        rows = cursor.execute(PAGE, values).fetchall()
    return [_shape(row, row.owner_name) for row in rows]


def summary(connection: psycopg.Connection[Any], row: StoredCredential) -> dict[str, Any]:
    """One credential without its fields."""
    owner = connection.execute(OWNER, (row.owner_id,)).fetchone()
    return _shape(row, owner[0] if owner is not None else "")


def workflows_with(connection: psycopg.Connection[Any], id: UUID, viewer: Viewer) -> tuple[list[tuple[str, str]], int]:
    """The workflows whose draft or published version names the credential: id and name of those that the viewer may
    see, and how many others there are.
    """
    values = {"id": ids.encode(ids.CREDENTIAL, id), "viewer": viewer.user_id, "everything": viewer.everything}
    rows = connection.execute(USERS_OF, values).fetchall()
    seen = [(ids.encode(ids.WORKFLOW, row[0]), row[1]) for row in rows if row[2]]
    return seen, len(rows) - len(seen)


def _shape(row: CredentialRow | StoredCredential, owner_name: str) -> dict[str, Any]:
    return {
        "id": ids.encode(ids.CREDENTIAL, row.id),
        "name": row.name,
        "type": row.type,
        "shared": row.shared,
        "hosts": row.hosts,
        "ownerId": ids.encode(ids.USER, row.owner_id),
        "ownerName": owner_name,
        "revision": row.revision,
        "createdAt": ms(row.created_at),
        "updatedAt": ms(row.updated_at),
        "lastUsedAt": ms(row.last_used_at),
    }
