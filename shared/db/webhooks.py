"""The addresses of webhooks: which trigger is called on which path."""

import secrets
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

import psycopg

from shared.auth.access import may_start
from shared.db.triggers import Trigger
from shared.db.users import ROLE_NOW
from shared.db.wire import wire_of
from shared.domain.errors import Conflict
from shared.domain.triggers.webhook import TYPE
from shared.domain.values import from_json

PATH = "/hooks/"


@dataclass(frozen=True, slots=True)
class Webhook:
    """What the ingress needs to know of a trigger; `config` is as the domain read it. `version_id` is the published one.

    `owner_role` is the role that the owner has now, empty for one who was disabled. `execution_id` is the id of an execution that starts now.
    """

    trigger_id: UUID
    key: str
    config: dict[str, Any]
    paused_at: datetime | None
    workflow_id: UUID
    workflow_name: str
    enabled: bool
    owner_id: UUID
    owner_name: str
    owner_role: str
    version_id: UUID
    version: int
    execution_id: UUID

    @property
    def live(self) -> bool:
        """Whether a call may start the workflow now."""
        return self.enabled and self.paused_at is None and may_start(self.owner_role)


# A trigger that was removed, or whose workflow is archived, has its path no longer, whoever takes it next.
_LIVE = f"""
SELECT t.id, t.key, t.config::text, t.paused_at, w.id, w.name, w.enabled, w.owner_id, u.name, {ROLE_NOW}, v.id,
  v.number, uuid7()
FROM webhooks h JOIN triggers t ON t.id = h.trigger_id JOIN workflows w ON w.id = t.workflow_id
JOIN users u ON u.id = w.owner_id
JOIN workflow_versions v ON v.workflow_id = w.id AND v.number = w.published_version
WHERE t.type = '{TYPE}' AND t.removed_at IS NULL AND w.archived_at IS NULL
"""
FIND = f"{_LIVE} AND h.path = %(path)s"
OF_TRIGGER = f"{_LIVE} AND t.id = %(trigger)s"
RELEASE = f"""
UPDATE webhooks h SET path = NULL FROM triggers t JOIN workflows w ON w.id = t.workflow_id
WHERE h.path = %(path)s AND t.id = h.trigger_id AND h.trigger_id <> %(trigger)s
  AND (t.type <> '{TYPE}' OR t.removed_at IS NOT NULL OR w.archived_at IS NOT NULL OR t.workflow_id = %(workflow)s)
"""
"""Free a path that nobody is called on any more, or another trigger of the workflow, which gets its own after that."""
TAKE = """
INSERT INTO webhooks AS h (trigger_id, made, path) VALUES (%(trigger)s, %(made)s, coalesce(%(path)s, %(made)s))
ON CONFLICT (trigger_id) DO UPDATE SET path = coalesce(%(path)s, h.made)
"""
PATHS = "SELECT trigger_id, path FROM webhooks WHERE trigger_id = ANY (%s) AND path IS NOT NULL"


def find(connection: psycopg.Connection[Any], path: str) -> Webhook | None:
    """The webhook of a published workflow that is called on this path, paused and disabled ones too."""
    if "\x00" in path:
        return None
    return _one(connection, FIND, {"path": path})


def of_trigger(connection: psycopg.Connection[Any], trigger_id: UUID) -> Webhook | None:
    """The webhook that a trigger is, also where another one has its path."""
    return _one(connection, OF_TRIGGER, {"trigger": trigger_id})


def _one(connection: psycopg.Connection[Any], statement: str, values: dict[str, Any]) -> Webhook | None:
    wire = wire_of(connection)
    found = wire.send(statement, values)
    wire.round_trip()
    if not found.rows:
        return None
    trigger_id, key, config, *rest = found.rows[0]
    return Webhook(trigger_id, key, from_json(config), *rest)


def take_path(connection: psycopg.Connection[Any], trigger: Trigger) -> None:
    """Give a trigger that is being registered its path: the one that it names, or one that nobody can guess, for good.

    Raises Conflict where another workflow has the path; roll back then. Of two at once the second one waits for the first.
    """
    path = trigger.config["path"]
    values = {
        "trigger": trigger.id, "workflow": trigger.workflow_id, "path": path, "made": secrets.token_urlsafe(24),
    }  # fmt: skip
    if path is not None:
        connection.execute(RELEASE, values)
    try:
        connection.execute(TAKE, values)
    except psycopg.errors.UniqueViolation:
        text = f"The path `{path}` of the trigger `{trigger.key}` is taken in this installation. Choose another one."
        raise Conflict(text) from None


def urls(connection: psycopg.Connection[Any], base_url: str, trigger_ids: list[UUID]) -> dict[UUID, str]:
    """Where these triggers are called, those of them that are webhooks. `base_url` has no slash at its end."""
    return {row[0]: f"{base_url}{PATH}{row[1]}" for row in connection.execute(PATHS, (trigger_ids,))}
