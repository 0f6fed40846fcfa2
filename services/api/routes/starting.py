"""Starting an execution: the path that must stay short."""

from typing import Any, NamedTuple
from uuid import UUID

import psycopg
from flask import Blueprint, current_app
from werkzeug.wrappers import Response

from services.api.access import NO_WORKFLOW, viewer, visible_workflow
from services.api.idempotency import Created, create_once
from services.api.operation import operation
from services.api.preferences import wait_s, wait_until_over
from services.api.publishing import outbox
from services.api.schemas.base import ProblemAnswer
from services.api.schemas.executions import Execution, StartExecution
from services.api.validation import compile_or_raise
from shared import ids
from shared.auth.access import Action
from shared.broker import PRIORITIES
from shared.db import audit, versions, workflows
from shared.domain.errors import Conflict, NotFound
from shared.engine.plans import plan_of
from shared.engine.start import Started, start_execution
from shared.metrics import EXECUTIONS_STARTED
from shared.queries import executions
from shared.queries.executions import ExecutionRow
from shared.settings import Settings
from shared.web.answers import dumps
from shared.web.database import borrowed, db
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
        runnable = (
            _draft(connection, workflow_id) if body.version == "draft" else _published(connection, workflow_id, body)
        )
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
        shape = executions.record(connection, accepted) | {"input": body.input}
        return Created(
            shape, f"/api/v1/executions/{public}", status=202, after_commit=lambda: _accepted(started, trigger)
        )

    response = create_once(insert)
    seconds = wait_s()
    return _waited(response, seconds) if seconds else response


class _Runnable(NamedTuple):
    """The version to run; `number` is None for the draft."""

    name: str
    version_id: UUID
    number: int | None


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
        republish_s=settings.republish_after_s,
    )


def _accepted(started: Started, trigger: str) -> None:
    EXECUTIONS_STARTED.labels(trigger).inc()
    outbox().publish(started.ready)
    outbox().hint(started.id)


def _published(connection: psycopg.Connection[Any], workflow_id: UUID, body: StartExecution) -> _Runnable:
    """The published version, or the one with the wanted number."""
    number = body.version if isinstance(body.version, int) else None
    eyes = viewer()
    found = workflows.for_start(connection, workflow_id, number, viewer=eyes.user_id, everything=eyes.everything)
    if found is None:
        raise NotFound(NO_WORKFLOW)
    if not found.enabled:
        raise Conflict("This workflow is disabled. Enable it, then start it again.")
    if found.version_id is not None:
        return _Runnable(found.name, found.version_id, number or found.published_version)
    if number is not None:
        raise NotFound("This workflow has no version with that number.")
    raise Conflict('This workflow was never published. Publish it first, or start its draft with "version": "draft".')


def _draft(connection: psycopg.Connection[Any], workflow_id: UUID) -> _Runnable:
    """The draft as a version without a number; raises InvalidDefinition when it has problems."""
    workflow = visible_workflow(workflow_id)
    compile_or_raise(workflow.definition)
    text = dumps(workflow.definition).decode()
    version_id = versions.ensure_draft(connection, workflow_id, text, identity().user_id)
    return _Runnable(workflow.name, version_id, None)


def _waited(response: Response, seconds: int) -> Response:
    """The same answer with the record as it is when the execution is over, or after `seconds`."""
    execution_id = ids.decode(ids.EXECUTION, response.headers["Location"].rpartition("/")[2])
    assert execution_id is not None  # noqa: S101 - the answer is ours
    eyes, engine = viewer(), db.engine
    row = wait_until_over(execution_id, eyes, seconds)
    if row is not None:
        with borrowed(engine) as connection:
            response.set_data(dumps(executions.detail(connection, row)))
    response.headers["Preference-Applied"] = f"wait={seconds}"
    return response
