"""Starting an execution: the path that must stay short."""

from contextlib import nullcontext
from typing import Any
from uuid import UUID

import psycopg
from flask import Blueprint, current_app
from werkzeug.wrappers import Response

from services.api.accepting import announce, chosen_version, waited
from services.api.idempotency import Created, create_once
from services.api.operation import operation
from services.api.schemas.base import ProblemAnswer
from services.api.schemas.executions import Execution, StartExecution
from shared import ids
from shared.auth.access import Action
from shared.blobs import make_store
from shared.broker import PRIORITIES
from shared.db import audit
from shared.engine.large_input import Offload
from shared.engine.plans import plan_of
from shared.engine.start import Started, start_execution
from shared.queries import executions
from shared.queries.executions import ExecutionRow
from shared.settings import Settings
from shared.web.guard import address, identity

blueprint = Blueprint("starting", __name__, url_prefix="/api/v1/workflows")


@blueprint.post("/<workflow:workflow_id>/executions")
@operation(
    Action.EXECUTION_START,
    {202: Execution, 409: ProblemAnswer, 422: ProblemAnswer},
    body=StartExecution,
    creates=True,
    waits=True,
)
def start(workflow_id: UUID, body: StartExecution) -> Response:
    """Start an execution.

    Accepted means stored: it runs even if everything else is down at this moment.
    """
    trigger = "api" if identity().csrf is None else "manual"

    def insert(connection: psycopg.Connection[Any]) -> Created:
        runnable = chosen_version(connection, workflow_id, body.version)
        started = _start(connection, workflow_id, runnable.version_id, body, trigger)
        public = ids.encode(ids.EXECUTION, started.id)
        detail = {"workflow": ids.encode(ids.WORKFLOW, workflow_id), "version": body.version}
        audit.append(connection, identity().user_id, "execution.start", public, detail=detail, address=address())
        accepted = ExecutionRow(
            id=started.id,
            workflow_id=workflow_id,
            workflow_name=runnable.name,
            version_id=runnable.version_id,
            version=runnable.number,
            user_id=identity().user_id,
            user_name=identity().name,
            trigger_type=trigger,
            queued_reason=started.queued_reason,
            total_steps=plan_of(connection, runnable.version_id).total_steps,
        )
        shape = executions.record(connection, accepted) | executions.input_shape(started.id, body.input, started.input)
        return Created(
            shape, f"/api/v1/executions/{public}", status=202, after_commit=lambda: announce(started, trigger)
        )

    return waited(create_once(insert))


def _start(
    connection: psycopg.Connection[Any], workflow_id: UUID, version_id: UUID, body: StartExecution, trigger: str
) -> Started:
    settings: Settings = current_app.extensions["flowversal-settings"]
    return start_execution(
        connection,
        workflow_id=workflow_id,
        version_id=version_id,
        user_id=identity().user_id,
        input=body.input,
        trigger_type=trigger,
        priority=PRIORITIES.index(body.priority),
        max_input_bytes=settings.max_request_bytes,
        offload=Offload(make_store(settings, lambda: nullcontext(connection)), settings.offload_bytes),
        republish_s=settings.republish_after_s,
    )
