"""What worker threads ask of the engine, and what they get."""

from dataclasses import dataclass
from typing import NamedTuple
from uuid import UUID

from shared.broker import StepRef
from shared.domain.outcome import Key
from shared.domain.payload import Ref
from shared.domain.plan import Plan, PlanNode


@dataclass(frozen=True, slots=True)
class Claim:
    """A wish to run a step. `fence` is drawn by the worker, so that a repeated batch knows its own claim again."""

    key: Key
    fence: int


class Value(NamedTuple):
    """What an earlier step left, as JSON texts; all None for one that was skipped.

    A large output is at `ref`. One with a `size` only was left in its row (`READ_RESULTS`).
    """

    output: str | bytes | None = None
    error: str | None = None
    ref: Ref | None = None
    size: int | None = None


@dataclass(frozen=True, slots=True)
class Results:
    """What the steps inside a scope have left: `values` of its ends by (node, item), and the errors of a loop's items."""

    children: int
    failed: int
    values: dict[tuple[str, str], Value]


@dataclass(frozen=True, slots=True)
class Claimed:
    """A claim that succeeded. `values` has what each step that the parameters read has left; '' is the input.

    Around a step, a loop's value is its present item. `results` are there for a scope whose steps have run. `elapsed_s`:
    since the first attempt began, 0 for the first one.
    """

    key: Key
    fence: int
    attempt: int
    resumed: bool
    workflow_id: UUID
    plan: Plan
    node: PlanNode
    values: dict[str, Value]
    queue_wait_s: float | None
    elapsed_s: float = 0.0
    results: Results | None = None


@dataclass(frozen=True, slots=True)
class NotClaimed:
    """Somebody else has the step, or it is over."""

    key: Key


@dataclass(frozen=True, slots=True)
class Completed:
    """What became of an outcome: `ready` are the steps to publish. Stale outcomes changed nothing."""

    key: Key
    accepted: bool
    ready: tuple[StepRef, ...] = ()
