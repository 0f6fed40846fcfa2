"""Retrying an execution by hand."""

from typing import Any
from uuid import UUID

import psycopg
from flask import Blueprint, current_app
from werkzeug.wrappers import Response

from services.api.accepting import announce, chosen_version, waited
from services.api.access import viewer, visible_execution
from services.api.idempotency import Created, create_once
from services.api.operation import operation
from services.api.schemas.base import ProblemAnswer
from services.api.schemas.executions import Execution, RetryExecution
from shared import ids
from shared.auth.access import Action
from shared.db import audit, letters
from shared.domain.errors import Conflict, NotFound
from shared.domain.values import to_json
from shared.engine.redrive import lock_executions
from shared.engine.retry import read_first, retry_execution
from shared.engine.runnable import startable
from shared.engine.start import Started
from shared.queries import executions
from shared.queries.executions import ExecutionRow
from shared.settings import Settings
from shared.web.guard import address, identity

blueprint = Blueprint("retrying", __name__, url_prefix="/api/v1/executions")


@blueprint.post("/<execution:execution_id>/retry")
@operation(
    Action.EXECUTION_START,
    {202: Execution, 409: ProblemAnswer, 422: ProblemAnswer},
    body=RetryExecution,
    creates=True,
    waits=True,
)
def retry(execution_id: UUID, body: RetryExecution) -> Response:
    """Retry an execution.

    A new execution, linked to the first by `retryOf`. What has succeeded is copied, unless the version to run, or an
    edited input, makes it different. 409 when it is not over, or when nothing is left to run.
    """

    def insert(connection: psycopg.Connection[Any]) -> Created:
        first = visible_execution(execution_id)
        started = _retry(connection, first, body)
        public = ids.encode(ids.EXECUTION, started.id)
        detail = {"retryOf": ids.encode(ids.EXECUTION, first.id), "from": body.start_from, "version": body.version}
        audit.append(connection, identity().user_id, "execution.retry", public, detail=detail, address=address())
        accepted = executions.row(connection, started.id, viewer())
        assert accepted is not None  # noqa: S101 - it is the caller's own
        shape = executions.detail(connection, accepted)
        return Created(
            shape, f"/api/v1/executions/{public}", status=202, after_commit=lambda: announce(started, "retry")
        )

    return waited(create_once(insert))


def _retry(connection: psycopg.Connection[Any], first: ExecutionRow, body: RetryExecution) -> Started:
    settings: Settings = current_app.extensions["flowversal-settings"]
    lock_executions(connection, [first.id])
    # Whether it is over is said before what its workflow looks like by now.
    read_first(connection, first.id)
    try:
        startable(connection, first.workflow_id, viewer())
    except NotFound:
        raise Conflict("Its workflow is archived, or not shared with you any more, so it cannot run again.") from None
    version_id = first.version_id
    if body.version != "same":
        version_id = chosen_version(connection, first.workflow_id, body.version).version_id
    edited = "input" in body.model_fields_set
    started = retry_execution(
        connection,
        first.id,
        version_id,
        user_id=identity().user_id,
        start_from=body.start_from,
        input=to_json(body.input, max_bytes=settings.max_request_bytes).decode() if edited else None,
        republish_s=settings.republish_after_s,
    )
    letters.stand_for(connection, {first.id: started.id}, identity().user_id)
    return started
