"""The registry: create, list, read, update, archive, validate."""

from typing import Any
from uuid import UUID

import psycopg
from flask import Blueprint
from werkzeug.wrappers import Response

from services.api.access import refuse_strangers, viewer, visible_workflow
from services.api.idempotency import Created, create_once
from services.api.operation import operation
from services.api.reading import invalid, read_json
from services.api.revisions import check_revision, etag
from services.api.schemas import workflows as schemas
from services.api.schemas.base import ProblemAnswer
from shared import ids
from shared.auth.access import Action
from shared.db import audit, workflows
from shared.db.workflows import Workflow
from shared.domain.errors import InvalidDefinition, Problem
from shared.engine.scheduling import start_all_anew
from shared.queries import workflows as queries
from shared.web.answers import answer, dumps
from shared.web.database import commit, connection
from shared.web.guard import address, identity
from shared.web.named_credentials import Named, named_credentials, named_in
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
        named = _refuse_unless_draft(named_credentials(body.definition), draft=body.draft)
        workflow = workflows.insert(
            connection,
            identity().user_id,
            name=body.name,
            description=body.description,
            definition=dumps(body.definition).decode(),
            shared=body.shared,
            retention_days=body.retention_days,
            vetted_credentials=named.vetted,
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

    The body is a definition, or `{"definition": …}`, with `"workflowId"` where it is for a workflow that exists. Every
    problem is answered with its path.
    """
    raw = read_json()
    wrapped = isinstance(raw, dict) and "definition" in raw and set(raw) <= {"definition", "workflowId"}
    definition = raw["definition"] if wrapped else raw
    if not isinstance(definition, dict):
        raise InvalidDefinition([Problem("", "A definition is a JSON object.")])
    steps = compile_or_raise(definition).total_steps
    problems = _named_for(definition, raw.get("workflowId") if wrapped else None).problems
    if problems:
        raise InvalidDefinition(problems)
    return answer({"valid": True, "errors": [], "steps": steps})


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
    vetted = workflow.vetted_credentials
    if body.definition is not None:
        named = named_credentials(body.definition, workflow.owner_id, vetted)
        vetted = _refuse_unless_draft(named, draft=body.draft).vetted
    changed = workflows.update(
        connection(),
        workflow_id,
        name=workflow.name if body.name is None else body.name,
        description=workflow.description if body.description is None else body.description,
        definition=dumps(workflow.definition if body.definition is None else body.definition).decode(),
        shared=workflow.shared if body.shared is None else body.shared,
        enabled=workflow.enabled if body.enabled is None else body.enabled,
        retention_days=days,
        vetted_credentials=vetted,
    )
    if changed.enabled and not workflow.enabled:
        start_all_anew(connection(), workflow_id)
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


def _refuse_unless_draft(named: Named, *, draft: bool) -> Named:
    """The same; raises a 422 problem where a definition that is no draft names credentials that it may not."""
    if named.problems and not draft:
        raise invalid(named.problems, hint=schemas.CreateWorkflow.hint, of_definition=True)
    return named


def _named_for(definition: dict[str, Any], workflow_id: Any) -> Named:
    """What a definition names; for the workflow with this id, else for a new one. Raises NotFound."""
    if workflow_id is None:
        return named_credentials(definition)
    id = ids.decode(ids.WORKFLOW, workflow_id) if isinstance(workflow_id, str) else None
    if id is None:
        raise invalid([Problem("workflowId", "Not an id: expected wf- and 26 letters or digits.")])
    workflow = visible_workflow(id)
    return named_credentials(definition, workflow.owner_id, workflow.vetted_credentials)


def _shape(connection: psycopg.Connection[Any], workflow: Workflow, *, draft: bool) -> dict[str, Any]:
    shape = queries.detail(connection, workflow)
    if draft:
        problems = [*definition_problems(workflow.definition), *named_in(workflow).problems]
        shape["problems"] = [{"path": each.path, "message": each.message} for each in problems]
    return shape


def _audit(action: str, workflow_id: UUID, **detail: Any) -> None:
    target = ids.encode(ids.WORKFLOW, workflow_id)
    audit.append(connection(), identity().user_id, action, target, detail=detail, address=address())
