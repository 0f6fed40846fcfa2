"""The two state machines, as tables. What is not in a table raises `IllegalTransition`; docs and tests read the same tables."""

from enum import StrEnum

from shared.domain.errors import IllegalTransition


class ExecutionState(StrEnum):
    """Where an execution is. `canceling` is not a state: it is `stopping = 'cancel'` on a live execution."""

    QUEUED = "queued"
    RUNNING = "running"
    WAITING = "waiting"
    SUCCESS = "success"
    FAILED = "failed"
    CANCELED = "canceled"


class StepState(StrEnum):
    """Where a step is. `pending`: a join that some of its paths have reached, not all. `open`: a scope whose steps run."""

    PENDING = "pending"
    READY = "ready"
    RUNNING = "running"
    RETRYING = "retrying"
    WAITING = "waiting"
    OPEN = "open"
    SUCCESS = "success"
    FAILED = "failed"
    SKIPPED = "skipped"
    CANCELED = "canceled"


class ExecutionEvent(StrEnum):
    """What can happen to an execution."""

    CLAIMED = "first step claimed, or a step claimed again after a wait"
    ALL_WAITING = "no step ready, running or retrying"
    WOKEN = "a waiting step became ready"
    SUCCEEDED = "every step resolved"
    FAILED = "a step failed and its siblings have stopped"
    CANCELED = "canceled and every step has stopped"


class StepEvent(StrEnum):
    """What can happen to a step."""

    ARRIVED = "a path reached the join, others are still open"
    RELEASED = "every path resolved, at least one taken; or the first one, where the join says so"
    UNREACHABLE = "every path resolved, none taken"
    CLAIMED = "a worker took it"
    SUCCEEDED = "the node returned"
    FAILED = "the node failed for good"
    WILL_RETRY = "the node failed, another attempt follows"
    WAITS = "the node asked to wait"
    DUE = "its timer ran out"
    RESUMED = "somebody outside ended its wait"
    OPENED = "a scope begins with the steps inside"
    CLOSES = "all steps inside are over; a worker collects the results"
    CLOSED = "all steps of an item are over"
    GIVEN_UP = "a step inside failed, and the scope deals with it"
    LEASE_EXPIRED = "its worker is lost, another attempt follows"
    CANCELED = "canceled"


TERMINAL_EXECUTION = frozenset({ExecutionState.SUCCESS, ExecutionState.FAILED, ExecutionState.CANCELED})
TERMINAL_STEP = frozenset({StepState.SUCCESS, StepState.FAILED, StepState.SKIPPED, StepState.CANCELED})
OPEN_STEP = frozenset({StepState.READY, StepState.RUNNING, StepState.RETRYING, StepState.WAITING})
"""What keeps an execution alive. A scope is not among them: the steps inside are."""

EXECUTION: dict[tuple[ExecutionState, ExecutionEvent], ExecutionState] = {
    (ExecutionState.QUEUED, ExecutionEvent.CLAIMED): ExecutionState.RUNNING,
    (ExecutionState.QUEUED, ExecutionEvent.CANCELED): ExecutionState.CANCELED,
    (ExecutionState.RUNNING, ExecutionEvent.ALL_WAITING): ExecutionState.WAITING,
    (ExecutionState.RUNNING, ExecutionEvent.SUCCEEDED): ExecutionState.SUCCESS,
    (ExecutionState.RUNNING, ExecutionEvent.FAILED): ExecutionState.FAILED,
    (ExecutionState.RUNNING, ExecutionEvent.CANCELED): ExecutionState.CANCELED,
    (ExecutionState.WAITING, ExecutionEvent.WOKEN): ExecutionState.RUNNING,
    (ExecutionState.WAITING, ExecutionEvent.FAILED): ExecutionState.FAILED,
    (ExecutionState.WAITING, ExecutionEvent.CANCELED): ExecutionState.CANCELED,
}

STEP: dict[tuple[StepState, StepEvent], StepState] = {
    (StepState.PENDING, StepEvent.ARRIVED): StepState.PENDING,
    (StepState.PENDING, StepEvent.RELEASED): StepState.READY,
    (StepState.PENDING, StepEvent.UNREACHABLE): StepState.SKIPPED,
    (StepState.PENDING, StepEvent.CANCELED): StepState.CANCELED,
    (StepState.READY, StepEvent.CLAIMED): StepState.RUNNING,
    (StepState.READY, StepEvent.CANCELED): StepState.CANCELED,
    (StepState.RUNNING, StepEvent.SUCCEEDED): StepState.SUCCESS,
    (StepState.RUNNING, StepEvent.FAILED): StepState.FAILED,
    (StepState.RUNNING, StepEvent.WILL_RETRY): StepState.RETRYING,
    (StepState.RUNNING, StepEvent.WAITS): StepState.WAITING,
    (StepState.RUNNING, StepEvent.OPENED): StepState.OPEN,
    (StepState.RUNNING, StepEvent.LEASE_EXPIRED): StepState.READY,
    (StepState.RUNNING, StepEvent.CANCELED): StepState.CANCELED,
    (StepState.RETRYING, StepEvent.DUE): StepState.READY,
    (StepState.RETRYING, StepEvent.CANCELED): StepState.CANCELED,
    (StepState.WAITING, StepEvent.DUE): StepState.READY,
    (StepState.WAITING, StepEvent.RESUMED): StepState.READY,
    (StepState.WAITING, StepEvent.CANCELED): StepState.CANCELED,
    (StepState.OPEN, StepEvent.CLOSES): StepState.READY,
    (StepState.OPEN, StepEvent.CLOSED): StepState.SUCCESS,
    (StepState.OPEN, StepEvent.GIVEN_UP): StepState.FAILED,
    (StepState.OPEN, StepEvent.CANCELED): StepState.CANCELED,
}


def next_execution_state(state: ExecutionState, event: ExecutionEvent) -> ExecutionState:
    """The state after `event`; raises IllegalTransition where the table has no such row."""
    try:
        return EXECUTION[state, event]
    except KeyError:
        raise IllegalTransition(f"execution: no transition from {state} on {event.name}") from None


def next_step_state(state: StepState, event: StepEvent) -> StepState:
    """The state after `event`; raises IllegalTransition where the table has no such row."""
    try:
        return STEP[state, event]
    except KeyError:
        raise IllegalTransition(f"step: no transition from {state} on {event.name}") from None
