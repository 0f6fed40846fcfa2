"""What worker threads ask of the engine, and what they get."""

from dataclasses import dataclass
from uuid import UUID

from shared.broker import StepRef
from shared.domain.plan import Plan, PlanNode
from shared.domain.planner import Kind

Key = tuple[UUID, str, str]
"""(execution, node, item): the key of a step."""


@dataclass(frozen=True, slots=True)
class Claim:
    """A wish to run a step. `fence` is drawn by the worker, so that a repeated batch knows its own claim again."""

    key: Key
    fence: int


@dataclass(frozen=True, slots=True)
class Claimed:
    """A claim that succeeded. `values` has the JSON text of each node that the parameters read; '' is the input."""

    key: Key
    fence: int
    attempt: int
    resumed: bool
    workflow_id: UUID
    plan: Plan
    node: PlanNode
    values: dict[str, str]
    queue_wait_s: float | None


@dataclass(frozen=True, slots=True)
class NotClaimed:
    """Somebody else has the step, or it is over (`finished`: its successors may need their messages again)."""

    key: Key
    finished: bool


@dataclass(frozen=True, slots=True)
class Outcome:
    """How an attempt ended. Texts are JSON, checked before. `lost` and `due` come from clockwork, without a fence."""

    key: Key
    kind: Kind
    fence: int | None = None
    port: str | None = None
    input: str | None = None
    output: str | None = None
    error: str | None = None
    error_code: str | None = None
    retryable: bool = False
    retry_after_s: float | None = None
    due_s: float | None = None
    jitter: float = 0.0
    ai_tokens: int = 0
    api_calls: int = 0
    joins: tuple[str, ...] = ()
    """The joins that this step may touch (`PlanNode.joins_after`); their rows are locked with it."""


@dataclass(frozen=True, slots=True)
class Completed:
    """What became of an outcome: `ready` are the steps to publish. Stale outcomes changed nothing."""

    key: Key
    accepted: bool
    ready: tuple[StepRef, ...] = ()
