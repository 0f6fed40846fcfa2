"""One step as the API shows it, from its row and its former attempts."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from types import MappingProxyType
from typing import Any, NamedTuple
from uuid import UUID

from psycopg.rows import TupleRow

from shared import ids
from shared.domain.payload import parse_ref
from shared.domain.plan import PlanNode
from shared.queries.shapes import ms, positions, ref_shape, span_ms, step_id, value_url


@dataclass(frozen=True, slots=True)
class StepRow:
    """A row of `steps` with its last error, or with only the first three fields, a step that has no row."""

    node: str
    item: str
    state: str
    tx: int = 0
    attempt: int = 0
    ready_at: datetime | None = None
    started_at: datetime | None = None
    completed_at: datetime | None = None
    due_at: datetime | None = None
    worker: str | None = None
    port: str | None = None
    ai_tokens: int = 0
    api_calls: int = 0
    reused_from: UUID | None = None
    resumed: bool = False
    begun_at: datetime | None = None
    children: int | None = None
    children_done: int | None = None
    children_failed: int | None = None
    error: Any = None

    @property
    def id(self) -> str:
        """The step's id at the API."""
        return step_id(self.node, self.item)

    @property
    def depth(self) -> int:
        """How many loops it is in."""
        return len(positions(self.item))

    @property
    def status(self) -> str:
        """The state; a scope runs as long as the steps inside do."""
        return "running" if self.state == "open" else self.state

    @property
    def first_started_at(self) -> datetime | None:
        """When it began; for one that goes on after a wait, before that."""
        return self.begun_at if self.resumed and self.begun_at is not None else self.started_at


class Attempt(NamedTuple):
    """One attempt, superseded or the last."""

    number: int
    state: str
    worker: str | None
    started_at: datetime | None
    completed_at: datetime | None
    error: Any


class Values(NamedTuple):
    """What a step was given and has returned, and where it is if it is large (`refs`: `inputRef`, `outputRef`)."""

    input: Any = None
    output: Any = None
    refs: Mapping[str, Any] = MappingProxyType({})


def values_of(execution_id: UUID, step: str, row: TupleRow) -> Values:
    """From the columns of execution_data: input, output, and of each its blob and preview."""
    input, output, input_blob, input_preview, output_blob, output_preview = row
    found = {"input": parse_ref(input_blob, input_preview), "output": parse_ref(output_blob, output_preview)}
    refs = {f"{which}Ref": ref_shape(ref, value_url(execution_id, which, step)) for which, ref in found.items() if ref}
    return Values(input, output, refs)


def step_shape(node: PlanNode, row: StepRow, former: Sequence[Attempt], values: Values | None) -> dict[str, Any]:
    """The API's step; without `values`, `input` and `output` are left out."""
    index = positions(row.item)
    shape: dict[str, Any] = {
        "id": row.id,
        "nodeId": node.id,
        "name": node.name,
        "type": node.type,
        "container": node.container or None,
        "index": None if not index else index[0] if len(index) == 1 else index,
        "status": row.status,
        "port": row.port,
        "readyAt": ms(row.ready_at),
        "startedAt": ms(row.first_started_at),
        "completedAt": ms(row.completed_at),
        "queueWait": span_ms(row.ready_at, row.started_at),
        "duration": span_ms(row.first_started_at, row.completed_at),
        "attempts": [_attempt(each) for each in (*former, *_last(row, former))],
        "error": row.error,
        "aiTokensUsed": row.ai_tokens,
        "apiCallsMade": row.api_calls,
    }
    if row.state in ("retrying", "waiting"):
        shape["dueAt"] = ms(row.due_at)
    if node.body is not None and node.body.loops and row.depth > node.depth:
        shape["isLoopItem"] = True
    elif node.body is not None and node.body.loops and row.children is not None:
        shape["items"] = {"total": row.children, "done": row.children_done, "failed": row.children_failed}
    if row.reused_from is not None:
        shape["reusedFrom"] = ids.encode(ids.EXECUTION, row.reused_from)
    if values is not None:
        shape |= {"input": values.input, "output": values.output, **values.refs}
    return shape


def _last(row: StepRow, former: Sequence[Attempt]) -> list[Attempt]:
    """The attempt that lives in the step's own row, unless none has begun or it is superseded already."""
    if row.first_started_at is None or any(each.number == row.attempt for each in former):
        return []
    state = "failed" if row.state in ("retrying", "ready") and not row.resumed else row.status
    # A scope is claimed twice, to open and to close: one attempt all the same.
    number = row.attempt if row.children is None else 1
    return [Attempt(number, state, row.worker, row.first_started_at, row.completed_at, row.error)]


def _attempt(attempt: Attempt) -> dict[str, Any]:
    shape: dict[str, Any] = {
        "number": attempt.number,
        "startedAt": ms(attempt.started_at),
        "completedAt": ms(attempt.completed_at),
        "duration": span_ms(attempt.started_at, attempt.completed_at),
        "status": attempt.state,
        "worker": attempt.worker,
    }
    if attempt.error is not None:
        shape["error"] = attempt.error
    return shape
