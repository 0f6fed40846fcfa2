"""Triggers of the published version: reading them, stopping them for a while."""

from uuid import UUID

from flask import Blueprint
from werkzeug.wrappers import Response

from services.api.access import visible_workflow
from services.api.operation import operation
from services.api.registered import NO_TRIGGER, note, trigger_shape, trigger_shapes, visible_trigger
from services.api.schemas import triggers as schemas
from services.api.schemas.base import Nothing
from shared.auth.access import Action
from shared.db import triggers
from shared.domain.errors import NotFound
from shared.domain.triggers.schedule import TYPE as SCHEDULE
from shared.engine.scheduling import start_anew
from shared.queries import triggers as queries
from shared.web.answers import answer
from shared.web.database import commit, connection

blueprint = Blueprint("triggers", __name__, url_prefix="/api/v1/workflows/<workflow:workflow_id>/triggers")


@blueprint.get("")
@operation(Action.WORKFLOW_READ, {200: schemas.TriggerList})
def index(workflow_id: UUID) -> Response:
    """List the triggers of the published version.

    With the next runs of schedules and the last firings of each. Manual starts and the API are always there and not listed.
    """
    workflow = visible_workflow(workflow_id)
    return answer({"items": trigger_shapes(workflow, triggers.of_workflow(connection(), workflow_id))})


@blueprint.get("/<name>")
@operation(Action.WORKFLOW_READ, {200: schemas.Trigger})
def read(workflow_id: UUID, name: str) -> Response:
    """Read a trigger, by its id in the definition or by `trg-…`."""
    return answer(trigger_shape(*visible_trigger(workflow_id, name)))


@blueprint.get("/<name>/fires")
@operation(Action.WORKFLOW_READ, {200: schemas.FirePage}, query=schemas.ListFires)
def list_fires(workflow_id: UUID, name: str, query: schemas.ListFires) -> Response:
    """List what became of a trigger's firings, the latest first."""
    _, trigger = visible_trigger(workflow_id, name)
    before = None if query.cursor is None else queries.parse_cursor(query.cursor)
    items, following = queries.fires_page(
        connection(), trigger.id, outcomes=query.outcome, before=before, limit=query.limit
    )
    return answer({"items": items, "nextCursor": following})


@blueprint.post("/<name>/pause")
@operation(Action.TRIGGER_OPERATE, {200: schemas.Trigger}, body=Nothing)
def pause(workflow_id: UUID, name: str) -> Response:
    """Pause a trigger.

    It starts nothing until it is resumed, and what is due meanwhile is not caught up with. The pause outlives new versions.
    """
    return _switch(workflow_id, name, paused=True)


@blueprint.post("/<name>/resume")
@operation(Action.TRIGGER_OPERATE, {200: schemas.Trigger}, body=Nothing)
def resume(workflow_id: UUID, name: str) -> Response:
    """Resume a trigger that was paused."""
    return _switch(workflow_id, name, paused=False)


def _switch(workflow_id: UUID, name: str, *, paused: bool) -> Response:
    _, trigger = visible_trigger(workflow_id, name)
    if (trigger.paused_at is not None) is not paused:
        if not triggers.pause(connection(), trigger.id, paused=paused):
            raise NotFound(NO_TRIGGER)
        if trigger.type == SCHEDULE and not paused:
            start_anew(connection(), trigger)
        note(connection(), "trigger.pause" if paused else "trigger.resume", trigger)
    shape = trigger_shape(*visible_trigger(workflow_id, name))
    commit()
    return answer(shape)
