"""Approvals: what waits for the caller, and their decision."""

from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from flask import Blueprint, current_app
from werkzeug.wrappers import Response

from services.api.access import NO_EXECUTION, viewer
from services.api.operation import operation
from services.api.publishing import outbox
from services.api.schemas import approvals as schemas
from services.api.schemas.base import ProblemAnswer
from shared import ids
from shared.auth.access import Action
from shared.db import audit
from shared.domain.errors import Conflict, Forbidden, NotFound
from shared.domain.outcome import Key
from shared.engine.answer import answer_step
from shared.queries import approvals, executions, steps
from shared.queries.approvals import Standing
from shared.queries.shapes import ms, parse_step_id
from shared.settings import Settings
from shared.web.answers import answer, dumps
from shared.web.database import commit, connection
from shared.web.guard import address, identity

blueprint = Blueprint("approvals", __name__, url_prefix="/api/v1")

_NO_STEP = "This execution has no such step."


@blueprint.get("/approvals")
@operation(Action.APPROVAL_READ, {200: schemas.ApprovalPage}, query=schemas.ListApprovals)
def index(query: schemas.ListApprovals) -> Response:
    """List what waits for your decision, newest first.

    Only what you may decide; admins see all.
    """
    who = approvals.decider(identity())
    items = approvals.page(connection(), who, before=query.cursor, limit=query.limit)
    return answer({"items": items, "nextCursor": items[-1]["id"] if len(items) == query.limit else None})


@blueprint.post("/executions/<execution:execution_id>/steps/<step_id>/resume")
@operation(
    Action.APPROVAL_DECIDE,
    {200: schemas.Decision, 403: ProblemAnswer, 409: ProblemAnswer},
    body=schemas.Decide,
)
def resume(execution_id: UUID, step_id: str, body: schemas.Decide) -> Response:
    """Approve or reject what a step asks.

    The first decision counts. 403 for who may not decide, 409 when the step does not wait for a decision (any more);
    the answer says who was first.
    """
    parsed = parse_step_id(step_id)
    if parsed is None:
        raise NotFound(_NO_STEP)
    key = (execution_id, *parsed)
    _refuse_unless_open(key, step_id)
    decided = _decided(body)
    settings: Settings = current_app.extensions["flowversal-settings"]
    applied = answer_step(
        connection(),
        key,
        "approval",
        dumps(decided).decode(),
        by=identity().user_id,
        republish_s=settings.republish_after_s,
    )
    if applied is None:
        _refuse_unless_open(key, step_id)
        raise Conflict("This step does not wait for a decision any more.")
    target = ids.encode(ids.EXECUTION, execution_id)
    detail = {"step": step_id, "decision": body.decision}
    audit.append(connection(), identity().user_id, "approval.decide", target, detail=detail, address=address())
    commit()
    outbox().publish(applied.ready)
    outbox().hint(execution_id)
    return answer({"executionId": target, "stepId": step_id, **decided})


def _decided(body: schemas.Decide) -> dict[str, Any]:
    me = identity()
    return {
        "decision": body.decision,
        "by": {"id": ids.encode(ids.USER, me.user_id), "name": me.name, "email": me.email},
        "comment": body.comment,
        "data": body.data,
        "decidedAt": ms(datetime.now(UTC)),
    }


def _refuse_unless_open(key: Key, step_id: str) -> None:
    """Raises NotFound, Forbidden or Conflict, unless the caller may decide and nobody has.

    Who is named as an approver may decide without seeing the rest of the run.
    """
    found = approvals.standing(connection(), key, approvals.decider(identity()))
    if found is None or not found.may:
        row = executions.row(connection(), key[0], viewer())
        if row is None:
            raise NotFound(NO_EXECUTION)
        if found is not None:
            raise Forbidden(_whose(found))
        if steps.one(connection(), row, step_id) is None:
            raise NotFound(_NO_STEP)
        raise Conflict("This step does not wait for a decision.")
    if found.decision is not None:
        verb = {"approve": "approved", "reject": "rejected"}[found.decision]
        raise Conflict(f"{found.decided_by} has {verb} this already.")
    if not found.open:
        raise Conflict("This step does not wait for a decision any more: its time is over, or its run has ended.")


def _whose(found: Standing) -> str:
    if found.approvers:
        return f"This is decided by {', '.join(found.approvers[:10])}, or an admin."
    return "This is decided by those who may run the workflow."
