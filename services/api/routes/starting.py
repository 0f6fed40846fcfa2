"""Starting an execution: the path that must stay short."""

from contextlib import nullcontext
from typing import Any
from uuid import UUID

import psycopg
from flask import Blueprint, current_app
from werkzeug.wrappers import Response

from services.api.accepting import Begun, accept, accepts, chosen_version
from services.api.schemas.executions import StartExecution
from shared import ids
from shared.blobs import make_store
from shared.broker import PRIORITIES
from shared.engine.large_input import Offload
from shared.engine.plans import plan_of
from shared.engine.runnable import Runnable
from shared.engine.start import Started, start_execution
from shared.queries import executions
from shared.queries.executions import ExecutionRow
from shared.settings import Settings
from shared.web.guard import identity

blueprint = Blueprint("starting", __name__, url_prefix="/api/v1/workflows")


@blueprint.post("/<workflow:workflow_id>/executions")
@accepts(StartExecution)
def start(workflow_id: UUID, body: StartExecution) -> Response:
    """Start an execution.

    Accepted means stored: it runs even if everything else is down at this moment.
    """
    trigger = "api" if identity().csrf is None else "manual"

    def begin(connection: psycopg.Connection[Any]) -> Begun:
        runnable = chosen_version(connection, workflow_id, body.version)
        started = _start(connection, workflow_id, runnable, body, trigger)
        inserted = ExecutionRow(
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
        record = executions.record(connection, inserted) | executions.input_shape(started.id, body.input, started.input)
        detail = {"workflow": ids.encode(ids.WORKFLOW, workflow_id), "version": body.version}
        return Begun(started, record, detail)

    return accept(trigger, "execution.start", begin)


def _start(
    connection: psycopg.Connection[Any], workflow_id: UUID, runnable: Runnable, body: StartExecution, trigger: str
) -> Started:
    settings: Settings = current_app.extensions["flowversal-settings"]
    return start_execution(
        connection,
        workflow_id=workflow_id,
        version_id=runnable.version_id,
        execution_id=runnable.execution_id,
        user_id=identity().user_id,
        input=body.input,
        trigger_type=trigger,
        priority=PRIORITIES.index(body.priority),
        max_input_bytes=settings.max_request_bytes,
        offload=Offload(make_store(settings, lambda: nullcontext(connection)), settings.offload_bytes),
        republish_s=settings.republish_after_s,
        later=True,
    )
