"""The trigger that a request names: by its key, its id in the definition, or by `trg-…`."""

from typing import Any
from uuid import UUID

import psycopg
from flask import current_app

from services.api.access import visible_workflow
from shared import ids
from shared.db import audit, triggers
from shared.db.triggers import Trigger
from shared.db.workflows import Workflow
from shared.domain.errors import Conflict, NotFound
from shared.domain.triggers.schedule import TYPE as SCHEDULE
from shared.queries.triggers import shapes
from shared.settings import Settings
from shared.web.database import connection
from shared.web.guard import address, identity
from shared.web.webhook_urls import told_base_url

NO_TRIGGER = "The published version of this workflow has no such trigger."


def visible_trigger(workflow_id: UUID, name: str) -> tuple[Workflow, Trigger]:
    """The workflow and its trigger. Raises NotFound."""
    workflow = visible_workflow(workflow_id)
    wanted = ids.decode(ids.TRIGGER, name)
    for trigger in triggers.of_workflow(connection(), workflow_id):
        if name == trigger.key or wanted == trigger.id:
            return workflow, trigger
    raise NotFound(NO_TRIGGER)


def visible_schedule(workflow_id: UUID, name: str) -> tuple[Workflow, Trigger]:
    """The same, for what only a schedule can do. Raises NotFound, and Conflict for a trigger of another type."""
    workflow, trigger = visible_trigger(workflow_id, name)
    if trigger.type != SCHEDULE:
        raise Conflict(f"Only a schedule can do this; the trigger {trigger.key} is of type {trigger.type}.")
    return workflow, trigger


def trigger_shape(workflow: Workflow, trigger: Trigger) -> dict[str, Any]:
    """The trigger as it is answered."""
    return shapes(connection(), [trigger], enabled=workflow.enabled, base_url=base_url())[0]


def base_url() -> str | None:
    """The start of a webhook's address, if this person is told it."""
    settings: Settings = current_app.extensions["flowversal-settings"]
    return told_base_url(settings.base_url)


def note(connection: psycopg.Connection[Any], action: str, trigger: Trigger, **detail: Any) -> None:
    """A line of the audit trail."""
    detail |= {"workflow": ids.encode(ids.WORKFLOW, trigger.workflow_id), "key": trigger.key}
    target = ids.encode(ids.TRIGGER, trigger.id)
    audit.append(connection, identity().user_id, action, target, detail=detail, address=address())
