"""Retrying an execution by hand."""

from typing import Any
from uuid import UUID

import psycopg
from flask import Blueprint, current_app
from werkzeug.wrappers import Response

from services.api.accepting import Begun, accept, accepts, chosen_version
from services.api.access import viewer, visible_execution
from services.api.schemas.executions import RetryExecution
from shared import ids
from shared.domain.errors import Conflict, NotFound
from shared.domain.values import to_json
from shared.engine.retry import lock_first, retry_execution
from shared.engine.runnable import startable
from shared.engine.start import Started
from shared.queries import executions
from shared.queries.executions import ExecutionRow
from shared.settings import Settings
from shared.web.guard import identity

blueprint = Blueprint("retrying", __name__, url_prefix="/api/v1/executions")


@blueprint.post("/<execution:execution_id>/retry")
@accepts(RetryExecution)
def retry(execution_id: UUID, body: RetryExecution) -> Response:
    """Retry an execution.

    A new execution, linked to the first by `retryOf`. What has succeeded is copied, unless the version to run, or an
    edited input, makes it different. 409 when it is not over, or when nothing is left to run.
    """

    def begin(connection: psycopg.Connection[Any]) -> Begun:
        first = visible_execution(execution_id)
        started = _retry(connection, first, body)
        inserted = executions.row(connection, started.id, viewer())
        assert inserted is not None  # noqa: S101 - it is the caller's own
        detail = {"retryOf": ids.encode(ids.EXECUTION, first.id), "from": body.start_from, "version": body.version}
        return Begun(started, executions.detail(connection, inserted), detail)

    return accept("retry", "execution.retry", begin)


def _retry(connection: psycopg.Connection[Any], first: ExecutionRow, body: RetryExecution) -> Started:
    settings: Settings = current_app.extensions["flowversal-settings"]
    # Whether it is over is said before what its workflow looks like by now.
    lock_first(connection, first.id)
    try:
        startable(connection, first.workflow_id, viewer())
    except NotFound:
        raise Conflict("Its workflow is archived, or not shared with you any more, so it cannot run again.") from None
    version_id = first.version_id
    if body.version != "same":
        version_id = chosen_version(connection, first.workflow_id, body.version).version_id
    edited = "input" in body.model_fields_set
    return retry_execution(
        connection,
        first.id,
        version_id,
        user_id=identity().user_id,
        start_from=body.start_from,
        input=to_json(body.input, max_bytes=settings.max_request_bytes).decode() if edited else None,
        republish_s=settings.republish_after_s,
    )
