"""Actions on many executions: the request fixes which; clockwork does them (services/worker/loops/bulk.py)."""

from typing import Any
from uuid import UUID

import psycopg
from flask import Blueprint
from werkzeug.wrappers import Response

from services.api.access import viewer
from services.api.idempotency import Created, create_once
from services.api.operation import operation
from services.api.reading import read_json
from services.api.schemas import bulk as schemas
from services.api.schemas.base import Nothing, ProblemAnswer
from shared import ids
from shared.auth.access import Action, may
from shared.db import audit, bulk_jobs
from shared.db.bulk_jobs import Job
from shared.domain.errors import Conflict, Forbidden, NotFound
from shared.engine.bulk_match import matching
from shared.queries.bulk_shape import bulk_shape
from shared.queries.execution_list import Filters
from shared.web.answers import answer
from shared.web.database import commit, connection
from shared.web.guard import address, identity

blueprint = Blueprint("bulk", __name__, url_prefix="/api/v1/executions/bulk")


@blueprint.post("")
@operation(
    Action.EXECUTION_CANCEL,
    {200: schemas.BulkCount, 202: schemas.BulkJob, 422: ProblemAnswer},
    body=schemas.BulkAction,
    creates=True,
)
def create(body: schemas.BulkAction) -> Response:
    """Cancel or retry every execution that matches.

    In the background, 202: ask Location how far it has come. Which executions it means is fixed now; at most 100,000.
    With `dryRun` only the count, 200.
    """
    if body.action == "retry" and not may(identity(), Action.EXECUTION_START):
        raise Forbidden("Your role, or this token's scope, does not allow to start executions.")
    if body.dry_run:
        return answer({"action": body.action, "count": len(_matching(connection(), body))})

    def insert(connection: psycopg.Connection[Any]) -> Created:
        found = _matching(connection, body)
        job_id = bulk_jobs.insert(
            connection,
            identity().user_id,
            found,
            action=body.action,
            filter=read_json()["filter"],
            retry_from=body.start_from,
            retry_version=body.version,
            address=address(),
        )
        public = ids.encode(ids.BULK, job_id)
        detail = {"action": body.action, "filter": read_json()["filter"], "total": len(found)}
        audit.append(connection, identity().user_id, "execution.bulk", public, detail=detail, address=address())
        return Created(bulk_shape(_visible(connection, job_id)), f"/api/v1/executions/bulk/{public}", status=202)

    return create_once(insert)


@blueprint.get("/<bulk:job_id>")
@operation(Action.EXECUTION_READ, {200: schemas.BulkJob})
def read(job_id: UUID) -> Response:
    """Read how far an action on many executions has come. One's own; admins read all."""
    return answer(bulk_shape(_visible(connection(), job_id)))


@blueprint.post("/<bulk:job_id>/cancel")
@operation(Action.EXECUTION_CANCEL, {200: schemas.BulkJob, 409: ProblemAnswer}, body=Nothing)
def cancel(job_id: UUID) -> Response:
    """Stop an action on many executions.

    What it has done stays done; nothing more is done once this is answered. 409 when it was done already.
    """
    _visible(connection(), job_id)
    if bulk_jobs.stop(connection(), job_id):
        public = ids.encode(ids.BULK, job_id)
        audit.append(connection(), identity().user_id, "execution.bulk.cancel", public, address=address())
        commit()
    after = _visible(connection(), job_id)
    if after.state == "done":
        raise Conflict(f"All of it is done already: {after.total:,} executions.")
    return answer(bulk_shape(after))


def _matching(connection: psycopg.Connection[Any], body: schemas.BulkAction) -> list[UUID]:
    asked = body.filter
    filters = Filters(
        statuses=tuple(asked.status),
        workflow_id=asked.workflow_id,
        user_id=asked.user_id,
        triggers=tuple(asked.trigger),
        search=asked.search,
        since=asked.since,
        until=asked.until,
    )
    return matching(connection, body.action, body.start_from, filters, viewer())


def _visible(connection: psycopg.Connection[Any], job_id: UUID) -> Job:
    eyes = viewer()
    found = bulk_jobs.get(connection, job_id, viewer=eyes.user_id, everything=eyes.everything)
    if found is None:
        raise NotFound("There is no such bulk action, or none that you may see.")
    return found
