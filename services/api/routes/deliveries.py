"""The log of a webhook's calls, and calling it again."""

from typing import Any
from uuid import UUID

import psycopg
from flask import Blueprint
from werkzeug.wrappers import Response

from services.api.accepting import Begun, accept
from services.api.hooks.body import value_of
from services.api.hooks.start import start_run
from services.api.operation import operation
from services.api.registered import visible_trigger
from services.api.schemas import deliveries as schemas
from services.api.schemas.base import Nothing, ProblemAnswer
from services.api.schemas.executions import Execution
from shared import ids
from shared.auth.access import Action
from shared.db import deliveries, webhooks
from shared.db.deliveries import FullDelivery, Noted
from shared.db.triggers import Trigger
from shared.db.webhooks import Webhook
from shared.domain.errors import Conflict, NotFound
from shared.domain.triggers.webhook import TYPE
from shared.engine.plans import plan_of
from shared.queries import deliveries as shapes
from shared.queries import executions
from shared.queries.executions import ExecutionRow
from shared.web.answers import answer
from shared.web.database import connection
from shared.web.guard import address

blueprint = Blueprint(
    "deliveries", __name__, url_prefix="/api/v1/workflows/<workflow:workflow_id>/triggers/<name>/deliveries"
)


@blueprint.get("")
@operation(Action.EXECUTION_READ, {200: schemas.DeliveryPage}, query=schemas.ListDeliveries)
def index(workflow_id: UUID, name: str, query: schemas.ListDeliveries) -> Response:
    """List the calls of a webhook.

    Newest first; those of the last 7 days, and of refused ones the first 20 in a minute.
    """
    trigger = _webhook(workflow_id, name)
    found = deliveries.page(connection(), trigger.id, query.cursor, query.limit)
    items = [shapes.record(each) for each in found]
    return answer({"items": items, "nextCursor": items[-1]["id"] if len(items) == query.limit else None})


@blueprint.get("/<delivery:delivery_id>")
@operation(Action.EXECUTION_READ, {200: schemas.DeliveryDetail})
def read(workflow_id: UUID, name: str, delivery_id: UUID) -> Response:
    """Read a call with what it brought.

    Headers that authenticate are never kept, and of a call that was not authenticated nothing is.
    """
    trigger = _webhook(workflow_id, name)
    return answer(shapes.detail(_existing(connection(), trigger, delivery_id)))


@blueprint.post("/<delivery:delivery_id>/replay")
@operation(
    Action.EXECUTION_START,
    {202: Execution, 409: ProblemAnswer, 422: ProblemAnswer},
    body=Nothing,
    creates=True,
    waits=True,
)
def replay(workflow_id: UUID, name: str, delivery_id: UUID) -> Response:
    """Start the workflow again with what a call brought.

    In the published version, in the name of the workflow's owner as the call itself; the audit trail says who asked.
    409 where the whole of the call was not kept.
    """
    trigger = _webhook(workflow_id, name)

    def begin(connection: psycopg.Connection[Any]) -> Begun:
        found = _existing(connection, trigger, delivery_id)
        webhook = _live(connection, trigger)
        if not found.whole or found.request is None:
            raise Conflict("The whole of this call was not kept, so it cannot be sent again from here.")
        return _begin(connection, webhook, found)

    return accept("webhook", "webhook.replay", begin)


def _begin(connection: psycopg.Connection[Any], webhook: Webhook, found: FullDelivery) -> Begun:
    assert found.request is not None  # noqa: S101 - the caller has looked
    brought, body = dict(found.request), found.body or b""
    input = {"method": found.method, "body": value_of(body, brought.pop("contentType"))} | brought
    started = start_run(connection, webhook, input, body_bytes=len(body))
    noted = Noted(
        webhook.trigger_id, found.method, address(), 202, duration_ms=0, size=len(body), execution_id=started.id,
        replay_of=found.id, request=found.request, body=body,
    )  # fmt: skip
    deliveries.note(connection, noted)
    row = ExecutionRow(
        id=started.id,
        workflow_id=webhook.workflow_id,
        workflow_name=webhook.workflow_name,
        version_id=webhook.version_id,
        version=webhook.version,
        user_id=webhook.owner_id,
        user_name=webhook.owner_name,
        trigger_type="webhook",
        queued_reason=started.queued_reason,
        total_steps=plan_of(connection, webhook.version_id).total_steps,
    )
    record = executions.record(connection, row) | executions.input_shape(started.id, input, started.input)
    detail = {"trigger": webhook.key, "delivery": ids.encode(ids.DELIVERY, found.id)}
    return Begun(started, record, detail)


def _webhook(workflow_id: UUID, name: str) -> Trigger:
    """The trigger of the published version. Raises NotFound."""
    _, found = visible_trigger(workflow_id, name)
    if found.type != TYPE:
        raise NotFound("The published version of this workflow has no webhook with that id.")
    return found


def _existing(connection: psycopg.Connection[Any], trigger: Trigger, delivery_id: UUID) -> FullDelivery:
    found = deliveries.one(connection, trigger.id, delivery_id)
    if found is None:
        raise NotFound("This webhook has no such call, or not any more: they are kept for 7 days.")
    return found


def _live(connection: psycopg.Connection[Any], trigger: Trigger) -> Webhook:
    """The webhook as it starts runs now. Raises Conflict where its workflow is disabled."""
    found = webhooks.of_trigger(connection, trigger.id)
    if found is None or not found.enabled:
        raise Conflict("This workflow is disabled. Enable it, then send the call again.")
    return found
