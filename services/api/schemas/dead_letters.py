"""Dead letters: runs that failed for good, and messages that no worker could read."""

from typing import Annotated, Literal, NamedTuple
from uuid import UUID

from pydantic import BeforeValidator, Field, WithJsonSchema

from services.api.schemas.base import Answer, Body, LetterId, Limit, MessageId, Milliseconds, Query, WorkflowId
from services.api.schemas.executions import Execution, Moment, Step
from shared import ids

State = Literal["open", "redriven", "dismissed"]
Code = Annotated[str, Field(min_length=1, max_length=200)]
Fingerprint = Annotated[str, Field(pattern="^[0-9a-f]{16}$")]


class Behind(NamedTuple):
    """Where a redrive by filter goes on: behind this letter, with those that had failed (ms) when it began."""

    letter_id: UUID
    until: int

    def __str__(self) -> str:
        return f"{ids.encode(ids.LETTER, self.letter_id)}.{self.until}"


def _behind(value: object) -> Behind:
    head, _, tail = value.partition(".") if isinstance(value, str) else ("", "", "")
    letter_id = ids.decode(ids.LETTER, head)
    if letter_id is None or not (tail.isascii() and tail.isdigit() and len(tail) <= 15):
        raise ValueError("Not a cursor: expected the nextCursor of the answer before")
    return Behind(letter_id, int(tail))


RedriveCursor = Annotated[Behind, BeforeValidator(_behind), WithJsonSchema({"type": "string"})]


class ListLetters(Query):
    """Which dead letters to list."""

    workflow_id: WorkflowId | None = None
    code: Code | None = None
    fingerprint: Fingerprint | None = None
    state: State | None = None
    since: Moment | None = Field(default=None, alias="from", description="Failed at or after, ms since the epoch.")
    until: Moment | None = Field(default=None, alias="to", description="Failed before, ms since the epoch.")
    limit: Limit = 50
    cursor: LetterId | None = None


class OpenLetters(Body):
    """Which open dead letters; an empty filter means all that you may see."""

    workflow_id: WorkflowId | None = None
    code: Code | None = None
    fingerprint: Fingerprint | None = None
    since: Moment | None = Field(default=None, alias="from", description="Failed at or after, ms since the epoch.")
    until: Moment | None = Field(default=None, alias="to", description="Failed before, ms since the epoch.")


class Redrive(Body):
    """Do it again: in the version that the run had, or in the one that is published now."""

    version: Literal["same", "published"] = "same"


class ActOnLetters(Body):
    """Act by filter, the oldest first; `cursor` goes on behind the answer before."""

    filter: OpenLetters
    limit: Annotated[int, Field(ge=1, le=100, description="How many one call takes at most.")] = 100
    cursor: RedriveCursor | None = None


class RedriveLetters(ActOnLetters, Redrive):
    """Redrive by filter, the oldest first; `cursor` goes on behind the answer before."""


class ListMessages(Query):
    """Which messages to list."""

    limit: Limit = 50
    cursor: MessageId | None = None


class Cause(Answer):
    """What failed, and why. `nodeId` and `step` are null for a run that failed as a whole."""

    fingerprint: str
    workflow_id: str
    workflow_name: str
    node_id: str | None
    step: str | None
    code: str
    message: str


class DeadLetter(Cause):
    """One run that failed. `redrivenAs` is the execution that did it again."""

    id: str
    execution_id: str
    step_id: str | None
    failed_at: Milliseconds
    state: State
    redriven_as: str | None
    closed_at: Milliseconds | None
    closed_by: str | None


class DeadLetterPage(Answer):
    """A page of dead letters, newest first."""

    items: list[DeadLetter]
    next_cursor: str | None


class DeadLetterDetail(DeadLetter):
    """A dead letter with its execution, and the step that failed with input, error and attempts."""

    execution: Execution | None
    failed_step: Step | None


class Group(Cause):
    """Dead letters of one fingerprint; code and message are those of the newest."""

    count: int
    open: int
    first_at: Milliseconds
    last_at: Milliseconds
    newest_id: str


class GroupPage(Answer):
    """A page of groups; the one that failed last comes first."""

    items: list[Group]
    next_cursor: str | None


class Refusal(Answer):
    """Why a letter was not redriven."""

    id: str
    reason: str


class Redriven(Answer):
    """What became of a redrive by filter. `remaining` letters are behind `nextCursor`; what fails meanwhile is not among them."""

    redriven: int
    refused: list[Refusal]
    remaining: int
    next_cursor: str | None
    execution_ids: list[str]


class Dismissed(Answer):
    """What became of a dismissal by filter. `remaining` letters are behind `nextCursor`."""

    dismissed: int
    remaining: int
    next_cursor: str | None


class DeadMessage(Answer):
    """A message that no worker could read. `body` are its first bytes, what is not text escaped."""

    id: str
    queue: str
    rejected_at: Milliseconds
    reason: str
    body: str
    body_bytes: int


class DeadMessagePage(Answer):
    """A page of messages, newest first."""

    items: list[DeadMessage]
    next_cursor: str | None
