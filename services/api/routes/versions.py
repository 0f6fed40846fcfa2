"""Publishing, and the versions that it makes."""

from typing import Any
from uuid import UUID

import psycopg
from flask import Blueprint
from werkzeug.wrappers import Response

from services.api.access import visible_workflow
from services.api.calls import check_named_workflows
from services.api.idempotency import Created, create_once
from services.api.operation import operation
from services.api.schemas import workflows as schemas
from services.api.schemas.base import Nothing, ProblemAnswer
from shared import ids
from shared.auth.access import Action
from shared.db import audit, versions
from shared.db.versions import Version
from shared.domain.errors import NotFound
from shared.engine.publish import publish as publish_version
from shared.queries.shapes import ms
from shared.web.answers import answer, dumps
from shared.web.database import connection
from shared.web.guard import address, identity
from shared.web.named_credentials import check_named_credentials
from shared.web.validation import compile_or_raise

blueprint = Blueprint("versions", __name__, url_prefix="/api/v1/workflows/<workflow:workflow_id>")


@blueprint.post("/publish")
@operation(
    Action.WORKFLOW_WRITE,
    {201: schemas.Version, 422: ProblemAnswer},
    body=Nothing,
    creates=True,
)
def publish(workflow_id: UUID) -> Response:
    """Publish the draft.

    Makes the draft an immutable version; it is what runs from now on. A draft with problems is refused.
    """

    def insert(connection: psycopg.Connection[Any]) -> Created:
        workflow = visible_workflow(workflow_id, lock=True)
        plan = compile_or_raise(workflow.definition)
        check_named_workflows(workflow_id, workflow.definition, plan)
        check_named_credentials(workflow)
        text = dumps(workflow.definition).decode()
        number = publish_version(connection, workflow_id, text, plan, identity().user_id)
        target = ids.encode(ids.WORKFLOW, workflow_id)
        detail = {"version": number}
        audit.append(connection, identity().user_id, "workflow.publish", target, detail=detail, address=address())
        shape = _detail(_existing(connection, workflow_id, number), workflow.definition)
        return Created(
            shape,
            f"/api/v1/workflows/{target}/versions/{number}",
            headers={"ETag": f'"{workflow.revision + 1}"'},
        )

    return create_once(insert)


@blueprint.get("/versions")
@operation(
    Action.WORKFLOW_READ,
    {200: schemas.VersionPage},
    query=schemas.ListVersions,
)
def index(workflow_id: UUID, query: schemas.ListVersions) -> Response:
    """List published versions, newest first."""
    visible_workflow(workflow_id)
    found = versions.page(connection(), workflow_id, query.cursor, query.limit)
    following = str(found[-1].number) if len(found) == query.limit else None
    return answer({"items": [_summary(version) for version in found], "nextCursor": following})


@blueprint.get("/versions/<int:number>")
@operation(Action.WORKFLOW_READ, {200: schemas.Version})
def read(workflow_id: UUID, number: int) -> Response:
    """Read a published version."""
    visible_workflow(workflow_id)
    version = _existing(connection(), workflow_id, number)
    return answer(_detail(version, versions.definition_of(connection(), version.id)))


def _existing(connection: psycopg.Connection[Any], workflow_id: UUID, number: int) -> Version:
    version = versions.by_number(connection, workflow_id, number)
    if version is None:
        raise NotFound("This workflow has no such version.")
    return version


def _summary(version: Version) -> dict[str, Any]:
    return {
        "number": version.number,
        "createdAt": ms(version.created_at),
        "createdBy": ids.encode(ids.USER, version.created_by),
        "createdByName": version.author,
        "checksum": version.checksum.hex(),
    }


def _detail(version: Version, definition: Any) -> dict[str, Any]:
    return _summary(version) | {"definition": definition}
