"""Claims and outcomes, many at a time, in one transaction: lock, decide, write. The only code that changes a step.

Two round trips: the first takes every lock in the one order (executions by id, then steps by key) and reads what is
locked; the second writes what the planner decided and commits. Any grouping of the same outcomes gives the same rows.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, TypeVar
from uuid import UUID

import psycopg
from psycopg.pq import TransactionStatus

from shared.broker import StepRef
from shared.db import hot
from shared.db.partitions import week_of
from shared.db.wire import Answer, Wire, wire_of
from shared.domain.outcome import Key, Kind, Outcome
from shared.domain.plan import Plan
from shared.domain.planner import ExecutionRow, StepRow, Turn
from shared.domain.states import TERMINAL_EXECUTION, TERMINAL_STEP, ExecutionState, StepState
from shared.engine import writes
from shared.engine.plans import plan_of
from shared.engine.requests import Claim, Claimed, Completed, NotClaimed

Request = TypeVar("Request")
Run = Callable[[str, dict[str, Any]], Answer]
"""Adds a statement of the hot path, on the week's partitions, to the next round trip."""

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
    """One transaction's worth of work and its results, in the order asked; all of one week (see `by_week`)."""

    claims: Sequence[Claim]
    outcomes: Sequence[Outcome]
    options: Options
    claimed: list[Claimed | NotClaimed] = field(default_factory=list)
    completed: list[Completed] = field(default_factory=list)
    touched: set[UUID] = field(default_factory=set)
    ended: dict[UUID, str] = field(default_factory=dict)
    """Executions that this batch ended, with their final state."""

    @property
    def week(self) -> datetime:
        """The week of its executions. Raises ValueError if there are several."""
        ids = [claim.key[0] for claim in self.claims] + [outcome.key[0] for outcome in self.outcomes]
        (week,) = {week_of(id) for id in ids}
        return week

    def reset(self) -> None:
        """Forget the results: the transaction did not commit."""
        self.claimed, self.completed, self.touched, self.ended = [], [], set(), {}


def by_week(requests: Iterable[Request], key: Callable[[Request], Key]) -> list[list[Request]]:
    """Requests by the week of their execution, the oldest first: each week has partitions of its own."""
    weeks: dict[datetime, list[Request]] = {}
    for request in requests:
        weeks.setdefault(week_of(key(request)[0]), []).append(request)
    return [weeks[week] for week in sorted(weeks)]


def run_batch(connection: psycopg.Connection[Any], batch: Batch) -> Batch:
    """Write a batch in one transaction and fill in its results. Raises psycopg errors; then nothing was written.

    On an autocommit connection BEGIN and COMMIT travel with the two round trips. On any other connection the batch
    joins the caller's transaction, which the caller commits. A week without partitions has nothing to claim or to end.
    """
    begin = connection.info.transaction_status is TransactionStatus.IDLE
    own = begin and connection.autocommit
    rows = _Rows(wire_of(connection), batch.week)
    try:
        executions, steps = _lock(rows, batch, begin=begin)
        turns = _Turns(connection, executions, steps)
        accepted = [_accept(outcome, steps, turns) for outcome in batch.outcomes]
        claims = [_grant(claim, executions, steps, turns) for claim in batch.claims]
        values = _write(rows, batch, turns, accepted, claims, commit=own)
    except BaseException as error:
        if own and not connection.closed:
            connection.rollback()
        if own and isinstance(error, psycopg.errors.UndefinedTable):
            return _nothing_there(batch)
        raise
    batch.claimed = writes.claimed(values, claims)
    _results(batch, turns, accepted)
    return batch


@dataclass(frozen=True, slots=True)
class _Rows:
    """The hot tables of one week over a connection."""

    wire: Wire
    week: datetime

    def run(self, statement: str, parameters: dict[str, Any]) -> Answer:
        """Add a statement of `hot` to the next round trip."""
        return self.wire.send(hot.on_week(statement, self.week), parameters)


def _nothing_there(batch: Batch) -> Batch:
    """The answers to a batch whose week has no partitions: never made, or dropped with its history."""
    batch.claimed = [NotClaimed(claim.key, finished=False) for claim in batch.claims]
    batch.completed = [Completed(outcome.key, accepted=False) for outcome in batch.outcomes]
    return batch


def _write(
    rows: _Rows,
    batch: Batch,
    turns: "_Turns",
    accepted: Sequence[Outcome | None],
    claims: Sequence[writes.Grant | NotClaimed],
    *,
    commit: bool,
) -> Answer | None:
    """Second round trip: everything that changed, and the commit; one more where siblings must be stopped."""
    run, republish_s = rows.run, batch.options.republish_s
    values = writes.write_claims(run, claims, batch.options.worker, batch.options.lease_s)
    if turns.made:
        changes = writes.step_rows(turns.made, accepted)
        stopping = [id for id, turn in turns.made.items() if turn.stop_siblings]
        if stopping:
            run(hot.COMPLETE, writes.complete_parameters(republish_s, changes))
            changes = {}
            _stop_siblings(rows, turns, stopping)
        for turn in turns.made.values():
            turn.settle()
        changes |= writes.execution_rows(turns.made)
        run(hot.COMPLETE, writes.complete_parameters(republish_s, changes))
    if commit:
        rows.wire.send("COMMIT")
    rows.wire.round_trip()
    return values


def _stop_siblings(rows: _Rows, turns: "_Turns", stopping: Sequence[UUID]) -> None:
    """Cancel what has not begun in executions that a failed step stops, and tell the workers what to end."""
    ids = {"ids": writes.uuid_array(stopping)}
    canceled = rows.run(hot.CANCEL_OPEN, ids)
    rows.run(hot.NOTIFY_STOP, ids)
    rows.wire.round_trip()
    for execution_id, opened, waiting in canceled.rows:
        turns.made[execution_id].execution.open_steps -= opened
        turns.made[execution_id].execution.waiting_steps -= waiting


def _lock(rows: _Rows, batch: Batch, *, begin: bool) -> tuple[dict[UUID, "Execution"], dict[Key, LockedStep]]:
    """First round trip: every lock of the batch, in order, and the rows under them."""
    keys = {claim.key for claim in batch.claims}
    completing = {outcome.key[0] for outcome in batch.outcomes}
    every = completing.union(key[0] for key in keys)
    for outcome in batch.outcomes:
        keys.add(outcome.key)
        keys.update((outcome.key[0], join, outcome.key[2]) for join in outcome.joins)
    ids = {"ids": writes.uuid_array(every), "completing": writes.uuid_array(completing)}
    if begin:
        rows.wire.send("BEGIN")
    locked = rows.run(hot.LOCK_EXECUTIONS, ids)
    found = rows.run(hot.LOCK_STEPS, {"keys": writes.json_rows(writes.key_rows(keys))})
    rows.wire.round_trip()
    executions: dict[UUID, Execution] = {}
    steps: dict[Key, LockedStep] = {}
    for row in found.rows:
        steps[row[0], row[1], row[2]] = _locked_step(row)
        if row[0] not in executions:
            executions[row[0]] = Execution.seen(row)
    for row in locked.rows:
        executions[row[0]] = Execution.under_lock(row)
    return executions, steps


@dataclass(frozen=True, slots=True)
class Execution:
    """An execution as read; `locked` says whether this batch may write it."""

    id: UUID
    workflow_id: UUID
    version_id: UUID
    row: ExecutionRow
    locked: bool

    @classmethod
    def under_lock(cls, row: tuple[Any, ...]) -> "Execution":
        """From a row of LOCK_EXECUTIONS."""
        return cls(row[0], row[1], row[2], ExecutionRow(ExecutionState(row[3]), *row[4:]), locked=True)

    @classmethod
    def seen(cls, row: tuple[Any, ...]) -> "Execution":
        """From a row of LOCK_STEPS: its state, no counters."""
        workflow_id, version_id, state, stopping = row[14:]
        return cls(row[0], workflow_id, version_id, ExecutionRow(ExecutionState(state), stopping, 0), locked=False)


def _locked_step(row: tuple[Any, ...]) -> LockedStep:
    _, node, item, state, fence, attempt, failures, lost, arrived, taken, resumed, over, due, wait_s = row[:14]
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
    turn.apply([outcome])
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
