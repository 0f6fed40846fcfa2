"""Deciding approvals, listing what waits for a decision, calling a step back."""

from typing import Annotated, Any, Literal

from pydantic import Field

from services.api.schemas.base import Answer, ApprovalId, Body, Limit, Milliseconds, Query


class Decide(Body):
    """Approve or reject what a step asks."""

    decision: Literal["approve", "reject"]
    comment: Annotated[str, Field(max_length=2_000)] | None = Field(default=None, description="For people to read.")
    data: Any = Field(default=None, description="Any JSON, for the steps that follow.")


class Decider(Answer):
    """Who decided."""

    id: str
    name: str
    email: str


class Decision(Answer):
    """What was decided; the step's output has the same."""

    execution_id: str
    step_id: str
    decision: Literal["approve", "reject"]
    by: Decider
    comment: str | None
    data: Any = None
    decided_at: Milliseconds


class CallbackAccepted(Answer):
    """The call is stored; its step goes on."""

    status: Literal["accepted"]


class ListApprovals(Query):
    """A page of what waits for the caller."""

    limit: Limit = 50
    cursor: ApprovalId | None = None


class Approval(Answer):
    """A step that waits for a decision. `approvers` is empty where whoever may run the workflow may decide."""

    id: str
    execution_id: str
    step_id: str
    step_name: str
    workflow_id: str
    workflow_name: str
    message: str
    approvers: list[str]
    asked_at: Milliseconds
    expires_at: Milliseconds | None


class ApprovalPage(Answer):
    """Newest first."""

    items: list[Approval]
    next_cursor: str | None
