"""The registry as the API shows it."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

import psycopg
from psycopg.rows import class_row

from shared import ids
from shared.db.workflows import Workflow
from shared.queries.shapes import Viewer, like_pattern, ms
from shared.queries.stats import workflow_stats

# Newest first; admins see every workflow, others their own and the shared ones.
PAGE = r"""
SELECT w.id, w.owner_id, u.name AS owner_name, w.name, w.description, w.shared, w.enabled, w.revision,
  w.published_version, w.retention_days, w.created_at, w.updated_at,
  (SELECT json_agg(DISTINCT t ->> 'type') FROM json_array_elements(CASE json_typeof(w.definition -> 'triggers')
    WHEN 'array' THEN w.definition -> 'triggers' ELSE '[]' END) AS t
   WHERE json_typeof(t) = 'object') AS triggers
FROM workflows w JOIN users u ON u.id = w.owner_id
WHERE w.archived_at IS NULL AND (%(everything)s OR w.owner_id = %(viewer)s OR w.shared)
  AND (%(before)s::uuid IS NULL OR w.id < %(before)s::uuid)
  AND (%(pattern)s::text IS NULL OR w.name ILIKE %(pattern)s::text ESCAPE '\'
    OR w.description ILIKE %(pattern)s::text ESCAPE '\')
ORDER BY w.id DESC LIMIT %(limit)s
"""
OWNER = "SELECT name FROM users WHERE id = %s"


@dataclass(frozen=True, slots=True)
class WorkflowRow:
    """What `PAGE` selects: a workflow without its definition."""

    id: UUID
    owner_id: UUID
    owner_name: str
    name: str
    description: str
    shared: bool
    enabled: bool
    revision: int
    published_version: int | None
    retention_days: int | None
    created_at: datetime
    updated_at: datetime
    triggers: list[str | None] | None


def page(
    connection: psycopg.Connection[Any], viewer: Viewer, *, search: str | None, before: UUID | None, limit: int
) -> list[dict[str, Any]]:
    """At most `limit` workflows older than `before`, newest first, with statistics and without definitions."""
    values = {
        "viewer": viewer.user_id,
        "everything": viewer.everything,
        "before": before,
        "pattern": None if search is None else like_pattern(search),
        "limit": limit,
    }
    with connection.cursor(row_factory=class_row(WorkflowRow)) as cursor:
        rows = cursor.execute(PAGE, values).fetchall()
    stats = workflow_stats(connection, [row.id for row in rows])
    return [_shape(row, row.owner_name) | {"triggers": _types(row), "stats": stats[row.id]} for row in rows]


def detail(connection: psycopg.Connection[Any], workflow: Workflow) -> dict[str, Any]:
    """One workflow with its draft and its statistics."""
    owner = connection.execute(OWNER, (workflow.owner_id,)).fetchone()
    shape = _shape(workflow, owner[0] if owner is not None else "")
    return shape | {
        "definition": workflow.definition,
        "stats": workflow_stats(connection, [workflow.id])[workflow.id],
    }


def _types(row: WorkflowRow) -> list[str]:
    return sorted(each for each in row.triggers or () if each is not None)


def _shape(row: WorkflowRow | Workflow, owner_name: str) -> dict[str, Any]:
    return {
        "id": ids.encode(ids.WORKFLOW, row.id),
        "name": row.name,
        "description": row.description,
        "publishedVersion": row.published_version,
        "enabled": row.enabled,
        "shared": row.shared,
        "revision": row.revision,
        "retentionDays": row.retention_days,
        "ownerId": ids.encode(ids.USER, row.owner_id),
        "ownerName": owner_name,
        "createdAt": ms(row.created_at),
        "updatedAt": ms(row.updated_at),
    }
