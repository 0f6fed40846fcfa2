"""Actions on many executions at once."""

from typing import Annotated, Literal, Self

from pydantic import BeforeValidator, Field, model_validator

from services.api.schemas.base import Answer, Body, Milliseconds, UserId, WorkflowId
from services.api.schemas.executions import Moment, Status, Trigger, several


class BulkFilter(Body):
    """Which executions: as the list's filters, all of them together. `all` stands alone and means every execution."""

    all: bool = False
    status: Annotated[list[Status], BeforeValidator(several)] = Field(default_factory=list)
    workflow_id: WorkflowId | None = None
    user_id: UserId | None = None
    trigger: Annotated[list[Trigger], BeforeValidator(several)] = Field(default_factory=list)
    search: Annotated[str, Field(min_length=1, max_length=200)] | None = Field(
        default=None, description="Part of a workflow's or user's name, or an exact execution id."
    )
    since: Moment | None = Field(default=None, alias="from", description="Created at or after, ms since the epoch.")
    until: Moment | None = Field(default=None, alias="to", description="Created before, ms since the epoch.")

    @model_validator(mode="after")
    def _not_by_accident(self) -> Self:
        narrows = [value for name, value in self if name != "all" and value not in (None, [])]
        if self.all and narrows:
            raise ValueError("`all` means every execution: leave it out, or the other fields")
        if not self.all and not narrows:
            raise ValueError('An empty filter would mean every execution: say {"all": true} if you want that')
        return self


class BulkAction(Body):
    """What to do with every execution that matches now. `from` and `version` are those of a retry."""

    action: Literal["cancel", "retry"]
    filter: BulkFilter
    start_from: Literal["failed", "start"] = Field(default="failed", alias="from")
    version: Literal["same", "published"] = "same"
    dry_run: bool = Field(default=False, description="Answer how many match, and do nothing.")

    @model_validator(mode="after")
    def _of_a_retry(self) -> Self:
        if self.action == "cancel" and self.model_fields_set & {"start_from", "version"}:
            raise ValueError("`from` and `version` belong to a retry: leave them out")
        return self


class BulkCount(Answer):
    """How many executions an action would be done to."""

    action: Literal["cancel", "retry"]
    count: int


class BulkError(Answer):
    """Why nothing could be done to one of them."""

    execution_id: str
    message: str


class BulkJob(Answer):
    """How far an action has come: `done` of `total`, of which `changed`, `skipped` (it was over) and `failed`."""

    id: str
    action: Literal["cancel", "retry"]
    status: Literal["running", "done", "canceled"]
    total: int
    done: int
    changed: int
    skipped: int
    failed: int
    errors: list[BulkError] = Field(description="The first ten.")
    created_at: Milliseconds
    completed_at: Milliseconds | None
