"""Starting, listing and reading executions."""

from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, ValidationError, ValidatorFunctionWrapHandler, WrapValidator

from services.api.schemas.ai import AiCall
from services.api.schemas.base import Answer, Body, ExecutionId, Limit, Milliseconds, Query, UserId, WorkflowId

Status = Literal["queued", "running", "waiting", "canceling", "success", "failed", "canceled"]
Trigger = Literal["manual", "api", "schedule", "webhook", "retry", "workflow"]
Moment = Annotated[int, Field(ge=0, le=253_402_300_799_000)]


def several(value: object) -> object:
    """`a,b` and a repeated name both mean several values."""
    texts = value if isinstance(value, list) else [value]
    return [part for text in texts for part in str(text).split(",") if part]


def _said_once(text: str) -> WrapValidator:
    """One sentence for a value that fits none of several types, where each of them would complain."""

    def check(value: object, handler: ValidatorFunctionWrapHandler) -> object:
        try:
            return handler(value)
        except ValidationError:
            raise ValueError(text) from None

    return WrapValidator(check)


Number = Annotated[int, Field(ge=1, le=2_000_000_000)]
Version = Annotated[
    Literal["published", "draft"] | Number, _said_once('Use "published", "draft" or the number of a version')
]
VersionAgain = Annotated[
    Literal["same", "published", "draft"] | Number,
    _said_once('Use "same", "published", "draft" or the number of a version'),
]


class StartExecution(Body):
    """Run a workflow: the published version unless `version` says otherwise."""

    input: Any = Field(default_factory=dict, description="What expressions read as `input`.")
    version: Version = "published"
    priority: Literal["low", "normal", "high"] = Field(
        default="normal", description="Its steps are worked on before those of a lower priority."
    )


class RetryExecution(Body):
    """Run it again: with what has succeeded already, unless `from` or the version says otherwise."""

    start_from: Annotated[str, Field(min_length=1, max_length=100)] = Field(
        default="failed",
        alias="from",
        description="`failed`: whatever did not succeed; `start`: everything; or the id of a node: it and all behind it.",
    )
    input: Any = Field(default=None, description="Another input; left out, it is the first execution's.")
    version: VersionAgain = "same"


class ListExecutions(Query):
    """Which executions to list; several statuses or triggers are separated by commas."""

    status: Annotated[tuple[Status, ...], BeforeValidator(several)] = ()
    workflow_id: WorkflowId | None = None
    user_id: UserId | None = None
    trigger: Annotated[tuple[Trigger, ...], BeforeValidator(several)] = ()
    search: Annotated[str, Field(min_length=1, max_length=200)] | None = Field(
        default=None, description="Part of a workflow's or user's name, or an exact execution id."
    )
    since: Moment | None = Field(default=None, alias="from", description="Created at or after, ms since the epoch.")
    until: Moment | None = Field(default=None, alias="to", description="Created before, ms since the epoch.")
    limit: Limit = 50
    cursor: ExecutionId | None = None


class ListSteps(Query):
    """Which steps to read."""

    limit: Limit = 200
    cursor: Annotated[str, Field(max_length=200)] | None = None


class ListLogs(Query):
    """Which log lines to read: those after a cursor or a line's id."""

    after: Annotated[str, Field(max_length=50)] | None = None
    limit: Annotated[int, Field(ge=1, le=1_000)] = 200


class ExecutionError(Answer):
    """Why an execution failed, and at which step."""

    message: str
    code: str
    step: str | None = None
    node_id: str | None = None


class ValueRef(Answer):
    """A value that is too large to be part of an answer: `url` has all of it, as JSON.

    `size` in bytes and `sha256` are null for the output of a run with several ends; the `url` answers both.
    """

    size: int | None
    sha256: str | None
    preview: str = Field(description="How its JSON begins.")
    url: str


class Execution(Answer):
    """The execution record. `input` and `output` come with a single one, `error` only when it failed.

    A large one is null, and `inputRef` or `outputRef` says where it is.
    """

    id: str
    workflow_id: str
    workflow_name: str
    version: int | Literal["draft"]
    user_id: str
    user_name: str
    status: Status
    created_at: Milliseconds
    started_at: Milliseconds | None
    completed_at: Milliseconds | None
    duration: Milliseconds | None
    queue_wait: Milliseconds | None
    trigger_type: Trigger
    steps_executed: int
    steps_resolved: int
    steps_reused: int
    total_steps: int
    ai_tokens_used: int
    ai_cost_usd: float = Field(description="Of calls with a known price.")
    api_calls_made: int
    revision: int
    stopping: Literal["fail"] | None = None
    cancel_requested_at: Milliseconds | None = None
    time_to_stop: int | None = Field(
        default=None, description="Milliseconds from the request to cancel until it was over."
    )
    queued_reason: str | None = None
    trigger_id: str | None = Field(default=None, description="The trigger that started it.")
    trigger_key: str | None = Field(default=None, description="That trigger's id in the definition.")
    trigger_name: str | None = None
    parent_id: str | None = Field(default=None, description="Whose step started it, or whose end it follows.")
    parent_step_id: str | None = Field(default=None, description="The step that started it.")
    child_ai_tokens_used: int | None = Field(default=None, description="The part that runs used which it waited for.")
    child_api_calls_made: int | None = None
    child_ai_cost_usd: float | None = None
    retry_of: str | None = None
    retries: list[str] | None = None
    error: ExecutionError | None = None
    input: Any = None
    input_ref: ValueRef | None = None
    output: Any = None
    output_ref: ValueRef | None = None


class ExecutionPage(Answer):
    """A page of executions, newest first."""

    items: list[Execution]
    next_cursor: str | None


class Attempt(Answer):
    """One attempt of a step."""

    number: int
    started_at: Milliseconds | None
    completed_at: Milliseconds | None
    duration: Milliseconds | None
    status: str
    worker: str | None
    error: dict[str, Any] | None = None


class LoopItems(Answer):
    """How far a loop has come; `done` includes those that failed."""

    total: int
    done: int
    failed: int


class WaitingFor(Answer):
    """What a waiting step asks somebody outside, or which execution it waits for."""

    type: Literal["approval", "callback", "workflow"]
    execution_id: str | None = None
    url: str | None = Field(
        default=None, description="Of a callback; shown to admins, the owner and who started the run."
    )
    message: str | None = None
    approvers: list[str] | None = None
    expires_at: Milliseconds | None = None


class Step(Answer):
    """One step: one node, one loop item. `queueWait`, `duration` and the times are those of the last attempt.

    A container with `forEach` or `onError` is a step too, of type `container`; in a loop there is one more for each item
    (`isLoopItem`), whose `input` is the item. A large input or output is null, and `inputRef` or `outputRef` says where it is. `index` is the position in the loop, a list in nested ones.
    """

    id: str
    node_id: str
    name: str
    type: str
    container: str | None
    index: int | list[int] | None
    status: Literal["pending", "ready", "running", "waiting", "retrying", "success", "failed", "skipped", "canceled"]
    port: str | None
    ready_at: Milliseconds | None
    started_at: Milliseconds | None
    completed_at: Milliseconds | None
    queue_wait: Milliseconds | None
    duration: Milliseconds | None
    due_at: Milliseconds | None = None
    items: LoopItems | None = None
    is_loop_item: bool = False
    reused_from: str | None = None
    waiting_for: WaitingFor | None = None
    child_id: str | None = Field(default=None, description="The execution that it started last.")
    attempts: list[Attempt]
    input: Any = None
    input_ref: ValueRef | None = None
    output: Any = None
    output_ref: ValueRef | None = None
    error: dict[str, Any] | None
    ai_tokens_used: int
    ai_cost_usd: float | None = Field(default=None, description="Of `aiCalls`, which a single step has.")
    ai_calls: list[AiCall] | None = None
    api_calls_made: int


class StepPage(Answer):
    """A page of steps in the order of the definition, those of one node by item."""

    items: list[Step]
    next_cursor: str | None


class LogLine(Answer):
    """One line of the execution's log."""

    id: int
    at: Milliseconds
    level: str
    step_id: str | None
    node_id: str | None
    attempt: int
    message: str
    fields: dict[str, Any]


class LogPage(Answer):
    """Log lines, oldest first. Ask again with `after=nextCursor`; an empty page has no newer line yet."""

    items: list[LogLine]
    next_cursor: str | None
