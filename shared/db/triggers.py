"""Triggers of published versions."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

import psycopg
from psycopg.rows import class_row

from shared.domain.triggers.base import TriggerDefinition


@dataclass(frozen=True, slots=True)
class Trigger:
    """A trigger as it is registered. `key` is its id in the definition, `version` the number that it came with."""

    id: UUID
    workflow_id: UUID
    key: str
    type: str
    name: str
    config: dict[str, Any]
    version: int
    paused_at: datetime | None


_COLUMNS = "id, workflow_id, key, type, name, config, version, paused_at"
# A trigger that comes back keeps its id; one that became something else begins anew, not paused.
REGISTER = f"""
INSERT INTO triggers AS t (workflow_id, key, type, name, config, version)
VALUES (%(workflow)s, %(key)s, %(type)s, %(name)s, %(config)s, %(version)s)
ON CONFLICT (workflow_id, key) DO UPDATE SET type = EXCLUDED.type, name = EXCLUDED.name, config = EXCLUDED.config,
  version = EXCLUDED.version, updated_at = now(), removed_at = NULL,
  paused_at = CASE WHEN t.type = EXCLUDED.type AND t.removed_at IS NULL THEN t.paused_at END
RETURNING {_COLUMNS}
"""
REMOVE_OTHERS = """
UPDATE triggers SET removed_at = now(), paused_at = NULL
WHERE workflow_id = %(workflow)s AND removed_at IS NULL AND key <> ALL (%(keys)s)
RETURNING id
"""
OF_WORKFLOW = f"SELECT {_COLUMNS} FROM triggers WHERE workflow_id = %s AND removed_at IS NULL ORDER BY key"
PAUSE = """
UPDATE triggers SET paused_at = CASE WHEN %(paused)s THEN coalesce(paused_at, now()) END
WHERE id = %(id)s AND removed_at IS NULL
"""


def register(
    connection: psycopg.Connection[Any], workflow_id: UUID, version: int, trigger: TriggerDefinition
) -> Trigger:
    """Put down a trigger of the version that is being published. The caller holds the workflow's row."""
    values = {
        "workflow": workflow_id, "key": trigger.id, "type": trigger.type, "name": trigger.name,
        "config": json.dumps(trigger.config), "version": version,
    }  # fmt: skip
    with connection.cursor(row_factory=class_row(Trigger)) as cursor:
        row = cursor.execute(REGISTER, values).fetchone()
    assert row is not None  # noqa: S101 - an upsert returns its row
    return row


def remove_others(connection: psycopg.Connection[Any], workflow_id: UUID, keys: Sequence[str]) -> list[UUID]:
    """Take off the triggers of a workflow that are not in `keys`; returns their ids."""
    return [row[0] for row in connection.execute(REMOVE_OTHERS, {"workflow": workflow_id, "keys": list(keys)})]


def of_workflow(connection: psycopg.Connection[Any], workflow_id: UUID) -> list[Trigger]:
    """The triggers of the published version, by key."""
    with connection.cursor(row_factory=class_row(Trigger)) as cursor:
        return cursor.execute(OF_WORKFLOW, (workflow_id,)).fetchall()


def pause(connection: psycopg.Connection[Any], trigger_id: UUID, *, paused: bool) -> bool:
    """Pause or resume; False where the published version has no such trigger any longer."""
    return connection.execute(PAUSE, {"id": trigger_id, "paused": paused}).rowcount == 1
