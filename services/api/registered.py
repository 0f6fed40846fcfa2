"""The trigger that a request names: by its key, its id in the definition, or by `trg-…`."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

import psycopg
from flask import current_app

from services.api.access import visible_workflow
from shared import ids
from shared.auth.access import Action, may
from shared.db import audit, triggers, webhooks
from shared.db.triggers import Trigger
from shared.db.workflows import Workflow
from shared.domain.errors import Conflict, NotFound
from shared.domain.triggers.schedule import TYPE as SCHEDULE
from shared.domain.triggers.webhook import TYPE as WEBHOOK
from shared.queries.triggers import shapes
from shared.web.database import connection
from shared.web.guard import address, identity

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


def trigger_shapes(workflow: Workflow, found: Sequence[Trigger]) -> list[dict[str, Any]]:
    """Triggers as they are answered; webhooks with their address, for who may start runs: it does nothing else."""
    settings = current_app.extensions["flowversal-settings"]
    hooks = [each.id for each in found if each.type == WEBHOOK and may(identity(), Action.EXECUTION_START)]
    urls = webhooks.urls(connection(), settings.base_url, hooks) if hooks else {}
    made = zip(found, shapes(connection(), found, enabled=workflow.enabled), strict=True)
    return [shape | ({"url": urls[each.id]} if each.id in urls else {}) for each, shape in made]


def trigger_shape(workflow: Workflow, trigger: Trigger) -> dict[str, Any]:
    """The trigger as it is answered."""
    return trigger_shapes(workflow, [trigger])[0]


def note(connection: psycopg.Connection[Any], action: str, trigger: Trigger, **detail: Any) -> None:
    """A line of the audit trail."""
    detail |= {"workflow": ids.encode(ids.WORKFLOW, trigger.workflow_id), "key": trigger.key}
    target = ids.encode(ids.TRIGGER, trigger.id)
    audit.append(connection, identity().user_id, action, target, detail=detail, address=address())
