"""The registry: create, list, read, update, archive, validate."""

from typing import Any
from uuid import UUID

import psycopg
from flask import Blueprint
from werkzeug.wrappers import Response

from services.api.access import refuse_strangers, viewer, visible_workflow
from services.api.idempotency import Created, create_once
from services.api.operation import operation
from services.api.reading import read_json
from services.api.revisions import check_revision, etag
from services.api.schemas import workflows as schemas
from services.api.schemas.base import ProblemAnswer
from shared import ids
from shared.auth.access import Action
from shared.db import audit, workflows
from shared.db.workflows import Workflow
from shared.domain.errors import InvalidDefinition, Problem
from shared.queries import workflows as queries
from shared.web.answers import answer, dumps
from shared.web.database import commit, connection
from shared.web.guard import address, identity
from shared.web.validation import compile_or_raise, definition_problems

blueprint = Blueprint("workflows", __name__, url_prefix="/api/v1/workflows")

_INVALID: dict[int, Any] = {422: ProblemAnswer}


@blueprint.post("")
@operation(
    Action.WORKFLOW_WRITE,
    {201: schemas.Workflow, **_INVALID},
    body=schemas.CreateWorkflow,
    creates=True,
)
def create(body: schemas.CreateWorkflow) -> Response:
    """Create a workflow.

    A definition with problems is answered with all of them, or saved as it is with `draft: true`.
    """

    def insert(connection: psycopg.Connection[Any]) -> Created:
        workflow = workflows.insert(
            connection,
            identity().user_id,
            name=body.name,
            description=body.description,
            definition=dumps(body.definition).decode(),
            shared=body.shared,
            retention_days=body.retention_days,
        )
        _audit("workflow.create", workflow.id, name=body.name)
        shape = _shape(connection, workflow, draft=body.draft)
        return Created(shape, f"/api/v1/workflows/{shape['id']}", headers={"ETag": etag(workflow.revision)})

    return create_once(insert)


@blueprint.get("")
@operation(Action.WORKFLOW_READ, {200: schemas.WorkflowPage}, query=schemas.ListWorkflows)
def index(query: schemas.ListWorkflows) -> Response:
    """List workflows, newest first."""
    items = queries.page(connection(), viewer(), search=query.search, before=query.cursor, limit=query.limit)
    return answer({"items": items, "nextCursor": items[-1]["id"] if len(items) == query.limit else None})


@blueprint.post("/validate")
@operation(
    Action.WORKFLOW_READ,
    {200: schemas.Valid, **_INVALID},
)
def validate() -> Response:
    """Check a definition.

    The body is a definition, or `{"definition": …}`. Every problem is answered with its path.
    """
    raw = read_json()
    definition = raw["definition"] if isinstance(raw, dict) and set(raw) == {"definition"} else raw
    if not isinstance(definition, dict):
        raise InvalidDefinition([Problem("", "A definition is a JSON object.")])
    return answer({"valid": True, "errors": [], "steps": compile_or_raise(definition).total_steps})


@blueprint.get("/<workflow:workflow_id>")
@operation(
    Action.WORKFLOW_READ,
    {200: schemas.Workflow},
)
def read(workflow_id: UUID) -> Response:
    """Read a workflow.

    The answer's ETag is the workflow's revision; send it back as If-Match with an update.
    """
    workflow = visible_workflow(workflow_id)
    return answer(queries.detail(connection(), workflow), headers={"ETag": etag(workflow.revision)})


@blueprint.put("/<workflow:workflow_id>")
@operation(
    Action.WORKFLOW_WRITE,
    {200: schemas.Workflow, 412: ProblemAnswer, 428: ProblemAnswer, **_INVALID},
    body=schemas.UpdateWorkflow,
    headers={"If-Match": "The ETag of the copy that was changed; required."},
)
def update(workflow_id: UUID, body: schemas.UpdateWorkflow) -> Response:
    """Update a workflow.

    The answer's ETag is the workflow's revision; send it back as If-Match with an update.
    """
    workflow = visible_workflow(workflow_id, lock=True)
    check_revision("workflow", workflow.revision)
    if body.shared not in (None, workflow.shared):
        refuse_strangers(workflow.owner_id, "workflow", "share it or stop sharing it")
    days = body.retention_days if "retention_days" in body.model_fields_set else workflow.retention_days
    if days != workflow.retention_days:
        refuse_strangers(workflow.owner_id, "workflow", "say how long its executions stay")
    changed = workflows.update(
        connection(),
        workflow_id,
        name=workflow.name if body.name is None else body.name,
        description=workflow.description if body.description is None else body.description,
        definition=dumps(workflow.definition if body.definition is None else body.definition).decode(),
        shared=workflow.shared if body.shared is None else body.shared,
        enabled=workflow.enabled if body.enabled is None else body.enabled,
        retention_days=days,
    )
    _audit("workflow.update", workflow_id, revision=changed.revision, fields=sorted(body.model_fields_set - {"draft"}))
    shape = _shape(connection(), changed, draft=body.draft)
    commit()
    return answer(shape, headers={"ETag": etag(changed.revision)})


@blueprint.delete("/<workflow:workflow_id>")
@operation(
    Action.WORKFLOW_WRITE,
    {204: "Archived."},
)
def archive(workflow_id: UUID) -> Response:
    """Archive a workflow.

    Its versions and executions stay readable.
    """
    workflow = visible_workflow(workflow_id, lock=True)
    refuse_strangers(workflow.owner_id, "workflow", "archive it")
    workflows.archive(connection(), workflow_id)
    _audit("workflow.archive", workflow_id, name=workflow.name)
    commit()
    return Response(status=204)


def _shape(connection: psycopg.Connection[Any], workflow: Workflow, *, draft: bool) -> dict[str, Any]:
    shape = queries.detail(connection, workflow)
    if draft:
        problems = definition_problems(workflow.definition)
        shape["problems"] = [{"path": each.path, "message": each.message} for each in problems]
    return shape


def _audit(action: str, workflow_id: UUID, **detail: Any) -> None:
    target = ids.encode(ids.WORKFLOW, workflow_id)
    audit.append(connection(), identity().user_id, action, target, detail=detail, address=address())
