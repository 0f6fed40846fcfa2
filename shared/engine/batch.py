"""Claims and outcomes, many at a time, in one transaction: lock, decide, write. The only code that changes a step.

Two round trips: the first takes every lock in the one order (executions by id, then steps by key) and reads what is
locked; the second writes what the planner decided and commits. Any grouping of the same outcomes gives the same rows.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

import psycopg
from psycopg.pq import TransactionStatus

from shared.broker import StepRef
from shared.db import hot
from shared.domain.plan import Plan
from shared.domain.planner import ExecutionRow, Kind, StepOutcome, StepRow, Turn
from shared.domain.states import TERMINAL_EXECUTION, TERMINAL_STEP, ExecutionState, StepState
from shared.engine import writes
from shared.engine.plans import plan_of
from shared.engine.requests import Claim, Claimed, Completed, Key, NotClaimed, Outcome

_FENCED = frozenset({Kind.DONE, Kind.FAILED, Kind.WAIT, Kind.STOPPED})


@dataclass(frozen=True, slots=True)
class Options:
    """What the writes need to know of the settings; seconds."""

    worker: str = ""
    lease_s: float = 15.0
    republish_s: float = 5.0


@dataclass(frozen=True, slots=True)
class LockedStep:
    """A step row under lock, with what only the engine cares about."""

    row: StepRow
    fence: int | None
    lease_over: bool
    due: bool
    queue_wait_s: float | None


@dataclass(slots=True)
class Batch:
    """One transaction's worth of work and its results, in the order asked."""

    claims: Sequence[Claim]
    outcomes: Sequence[Outcome]
    options: Options
    claimed: list[Claimed | NotClaimed] = field(default_factory=list)
    completed: list[Completed] = field(default_factory=list)
    touched: set[UUID] = field(default_factory=set)
    ended: dict[UUID, str] = field(default_factory=dict)
    """Executions that this batch ended, with their final state."""


def run_batch(connection: psycopg.Connection[Any], batch: Batch) -> Batch:
    """Write a batch in one transaction and fill in its results. Raises psycopg errors; then nothing was written.

    On an autocommit connection BEGIN and COMMIT travel with the two round trips. On any other connection the batch
    joins the caller's transaction, which the caller commits.
    """
    own = connection.autocommit and connection.info.transaction_status is TransactionStatus.IDLE
    try:
        executions, steps = _lock(connection, batch, begin=own)
        turns = _Turns(connection, executions, steps)
        accepted = [_accept(outcome, steps, turns) for outcome in batch.outcomes]
        claims = [_grant(claim, executions, steps, turns) for claim in batch.claims]
        rows = _write(connection, batch, turns, accepted, claims, commit=own)
    except BaseException:
        if own and not connection.closed:
            connection.rollback()
        raise
    batch.claimed = writes.claimed(rows, claims)
    _results(batch, turns, accepted)
    return batch


def _write(
    connection: psycopg.Connection[Any],
    batch: Batch,
    turns: "_Turns",
    accepted: Sequence[Outcome | None],
    claims: Sequence[writes.Grant | NotClaimed],
    *,
    commit: bool,
) -> psycopg.Cursor[Any] | None:
    """Second round trip: everything that changed, and the commit; a third one where siblings must be stopped."""
    stopping = sorted(id for id, turn in turns.made.items() if turn.stop_siblings)
    with connection.pipeline():
        rows = writes.write_claims(connection, claims, batch)
        writes.write_turns(connection, turns.made, accepted, batch.options)
        if stopping:
            _stop_siblings(connection, turns, stopping)
        for turn in turns.made.values():
            turn.settle()
        writes.write_executions(connection, turns.made)
        if commit:
            connection.execute("COMMIT")
    return rows


def _stop_siblings(connection: psycopg.Connection[Any], turns: "_Turns", stopping: list[UUID]) -> None:
    """Cancel what has not begun in executions that a failed step stops, and tell the workers what to end."""
    bounds = {"ids": stopping, "lo": stopping[0], "hi": stopping[-1]}
    for execution_id, opened, waiting in connection.execute(hot.CANCEL_OPEN, bounds).fetchall():
        turns.made[execution_id].execution.open_steps -= opened
        turns.made[execution_id].execution.waiting_steps -= waiting
    connection.execute(hot.NOTIFY_STOP, {"ids": stopping})


def _lock(
    connection: psycopg.Connection[Any], batch: Batch, *, begin: bool
) -> tuple[dict[UUID, "Execution"], dict[Key, LockedStep]]:
    """First round trip: every lock of the batch, in order, and the rows under them."""
    completing = sorted({outcome.key[0] for outcome in batch.outcomes})
    claiming = {claim.key[0] for claim in batch.claims}
    every = sorted(claiming.union(completing))
    bounds = {"lo": every[0], "hi": every[-1]}
    keys = {claim.key for claim in batch.claims}
    for outcome in batch.outcomes:
        keys.add(outcome.key)
        keys.update((outcome.key[0], join, outcome.key[2]) for join in outcome.joins)
    ordered = sorted(keys)
    columns = {"ids": [k[0] for k in ordered], "nodes": [k[1] for k in ordered], "items": [k[2] for k in ordered]}
    with connection.pipeline():
        if begin:
            connection.execute("BEGIN")
        locked = connection.execute(hot.LOCK_EXECUTIONS, {"ids": every, "all": completing, **bounds})
        seen = connection.execute(hot.READ_EXECUTIONS, {"ids": sorted(claiming), **bounds}) if claiming else None
        steps = connection.execute(hot.LOCK_STEPS, {**columns, **bounds})
    executions = {} if seen is None else {row[0]: Execution.of(row) for row in seen}
    executions |= {row[0]: Execution.of(row) for row in locked}
    return executions, {(row[0], row[1], row[2]): _locked_step(row) for row in steps}


@dataclass(frozen=True, slots=True)
class Execution:
    """An execution as read; `locked` says whether this batch may write it."""

    id: UUID
    workflow_id: UUID
    version_id: UUID
    row: ExecutionRow
    locked: bool

    @classmethod
    def of(cls, row: tuple[Any, ...]) -> "Execution":
        """From a row of LOCK_EXECUTIONS or READ_EXECUTIONS."""
        counters = ExecutionRow(ExecutionState(row[3]), *row[4:13])
        return cls(row[0], row[1], row[2], counters, row[13])


def _locked_step(row: tuple[Any, ...]) -> LockedStep:
    _, node, item, state, fence, attempt, failures, lost, arrived, taken, resumed, over, due, wait_s = row
    step = StepRow(node, item, StepState(state), arrived, taken, attempt, failures, lost, resumed=resumed)
    return LockedStep(step, fence, bool(over), bool(due), wait_s)


class _Turns:
    """One planner turn per execution of the batch, made when first needed."""

    def __init__(
        self,
        connection: psycopg.Connection[Any],
        executions: dict[UUID, Execution],
        steps: dict[Key, LockedStep],
    ) -> None:
        self.made: dict[UUID, Turn] = {}
        self._connection = connection
        self._executions = executions
        self._rows: dict[UUID, dict[tuple[str, str], StepRow]] = {}
        for key, step in steps.items():
            self._rows.setdefault(key[0], {})[key[1:]] = step.row

    def plan(self, execution_id: UUID) -> Plan:
        return plan_of(self._connection, self._executions[execution_id].version_id)

    def of(self, execution_id: UUID) -> Turn | None:
        """The turn of a live execution; None if it is over or unknown."""
        turn = self.made.get(execution_id)
        if turn is None:
            execution = self._executions.get(execution_id)
            if execution is None or execution.row.state in TERMINAL_EXECUTION:
                return None
            turn = Turn(self.plan(execution_id), execution.row, self._rows.get(execution_id, {}))
            self.made[execution_id] = turn
        return turn


def _accept(outcome: Outcome, steps: dict[Key, LockedStep], turns: _Turns) -> Outcome | None:
    """Apply one outcome to its execution's turn; None if it is stale and must change nothing."""
    step = steps.get(outcome.key)
    if step is None or not _fits(outcome, step):
        return None
    turn = turns.of(outcome.key[0])
    if turn is None:
        return None
    turn.apply([_step_outcome(outcome)])
    return outcome


def _fits(outcome: Outcome, step: LockedStep) -> bool:
    """Whether the locked row is still the one that this outcome speaks of."""
    state = step.row.state
    if outcome.kind in _FENCED:
        return state is StepState.RUNNING and step.fence == outcome.fence
    if outcome.kind is Kind.DUE:
        return state in (StepState.RETRYING, StepState.WAITING) and step.due
    by_supervisor = outcome.fence is not None and step.fence == outcome.fence
    return state is StepState.RUNNING and (step.lease_over or by_supervisor)


def _step_outcome(outcome: Outcome) -> StepOutcome:
    return StepOutcome(
        key=outcome.key[1:],
        kind=outcome.kind,
        port=outcome.port,
        error_code=outcome.error_code,
        retryable=outcome.retryable,
        retry_after_s=outcome.retry_after_s,
        due_s=outcome.due_s,
        jitter=outcome.jitter,
        ai_tokens=outcome.ai_tokens,
        api_calls=outcome.api_calls,
    )


def _grant(
    claim: Claim, executions: dict[UUID, Execution], steps: dict[Key, LockedStep], turns: _Turns
) -> writes.Grant | NotClaimed:
    """Whether a claim succeeds: the step is ready and the execution lives. A repeated batch finds its own fence."""
    execution, step = executions.get(claim.key[0]), steps.get(claim.key)
    if execution is None or step is None:
        return NotClaimed(claim.key, finished=False)
    row = step.row
    mine = row.state is StepState.RUNNING and step.fence == claim.fence
    stopped = execution.row.stopping is not None or execution.row.state in TERMINAL_EXECUTION
    if stopped or not (mine or row.state is StepState.READY):
        return NotClaimed(claim.key, finished=row.state in TERMINAL_STEP)
    starts = execution.row.state is ExecutionState.QUEUED and execution.locked
    if row.state is StepState.READY:
        row.state = StepState.RUNNING
        row.attempt += 1
    if starts:
        execution.row.state = ExecutionState.RUNNING
    plan = turns.plan(execution.id)
    return writes.Grant(claim, execution.workflow_id, plan, plan.nodes[row.node], row, step.queue_wait_s, starts, mine)


def _results(batch: Batch, turns: _Turns, accepted: Sequence[Outcome | None]) -> None:
    ready = {id: _ready(id, turn) for id, turn in turns.made.items()}
    for asked, outcome in zip(batch.outcomes, accepted, strict=True):
        refs = ready.pop(asked.key[0], ()) if outcome else ()
        batch.completed.append(Completed(asked.key, outcome is not None, refs))
    batch.touched.update(turns.made)
    batch.touched.update(claimed.key[0] for claimed in batch.claimed if isinstance(claimed, Claimed))
    batch.ended = {
        id: turn.execution.state for id, turn in turns.made.items() if turn.execution.state in TERMINAL_EXECUTION
    }


def _ready(execution_id: UUID, turn: Turn) -> tuple[StepRef, ...]:
    """The steps of this turn that want a message; none where the execution is being stopped."""
    if turn.execution.stopping:
        return ()
    rows = [*turn.inserted.values(), *turn.updated.values()]
    return tuple(
        StepRef(execution_id, row.node, row.item, turn.plan.nodes[row.node].pool)
        for row in rows
        if row.state is StepState.READY
    )
