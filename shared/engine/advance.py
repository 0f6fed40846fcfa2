"""Outcomes: locks taken in the one order, the planner's turn, and everything that changed in one statement.

Two round trips: the first takes every lock (executions by id, then steps by key) and reads what is locked; the second
writes what the planner decided. Any grouping of the same outcomes gives the same rows.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import psycopg

from shared.broker import StepRef
from shared.db import hot
from shared.db.hot import Week, json_rows, key_rows, uuid_array
from shared.db.wire import Answer
from shared.domain.outcome import Key, Kind, Outcome
from shared.domain.planner import ExecutionRow, StepRow, Turn
from shared.domain.scopes import is_given_up
from shared.domain.states import TERMINAL_EXECUTION, ExecutionState, StepState
from shared.engine import asks, writes
from shared.engine.plans import plan_of
from shared.engine.scopes import send_scopes

_FENCED = frozenset({Kind.DONE, Kind.OPEN, Kind.FAILED, Kind.WAIT, Kind.STOPPED})


@dataclass(frozen=True, slots=True)
class Locks:
    """Locks on their way: the statements are in the wire, the rows come with the round trip."""

    executions: Answer
    steps: Answer


@dataclass(frozen=True, slots=True)
class Execution:
    """An execution under its lock."""

    version_id: UUID
    row: ExecutionRow
    priority: int


@dataclass(frozen=True, slots=True)
class Step:
    """A step under its lock, with what only the engine cares about."""

    row: StepRow
    fence: int | None
    leased: bool
    lease_over: bool
    due: bool


def send_locks(week: Week, outcomes: Sequence[Outcome]) -> Locks:
    """Add every lock that these outcomes need to the next round trip, in the order that everybody keeps."""
    keys = {outcome.key for outcome in outcomes}
    keys.update((outcome.key[0], *touched) for outcome in outcomes for touched in outcome.touches)
    executions = week.run(hot.LOCK_EXECUTIONS, {"ids": uuid_array({outcome.key[0] for outcome in outcomes})})
    return Locks(executions, week.run(hot.LOCK_STEPS, {"keys": json_rows(key_rows(keys))}))


class Advance:
    """One batch of outcomes under lock: a planner turn for each execution that they touch."""

    def __init__(self, connection: psycopg.Connection[Any], outcomes: Sequence[Outcome], locks: Locks) -> None:
        self.turns: dict[UUID, Turn] = {}
        self._connection = connection
        self._executions = {row[0]: _execution(row) for row in locks.executions.rows}
        self._steps: dict[Key, Step] = {(row[0], row[1], row[2]): _step(row) for row in locks.steps.rows}
        self._rows: dict[UUID, dict[tuple[str, str], StepRow]] = {}
        for key, step in self._steps.items():
            self._rows.setdefault(key[0], {})[key[1:]] = step.row
        self.repeated: list[Key] = []
        """Steps whose outcome is in already, under the same fence: the commit of a former try had gone through."""
        self.late: list[Outcome] = []
        """Outcomes of steps that were canceled under them: only what they used counts."""
        self.accepted = [self._accept(outcome) for outcome in outcomes]
        """Whether each outcome counts; a stale one changes nothing."""
        self.stale = [
            not counts or outcome.key in self.repeated for outcome, counts in zip(outcomes, self.accepted, strict=True)
        ]
        """Whether each is recorded as late, if it is not in the ledger yet: a repeated one is."""
        self._outcomes = [
            outcome
            for outcome, counts in zip(outcomes, self.accepted, strict=True)
            if counts and outcome.key not in self.repeated and outcome not in self.late
        ]

    def _accept(self, outcome: Outcome) -> bool:
        step = self._steps.get(outcome.key)
        if step is None:
            return False
        if not _fits(outcome, step):
            return self._is_late(outcome, step) or self._repeats(outcome, step)
        turn = self._turn(outcome.key[0])
        if turn is None:
            return False
        if is_given_up(turn, outcome.key[1:]):
            self.late += [outcome] if outcome.kind in _FENCED else []
            return outcome.kind in _FENCED
        turn.apply([outcome])
        return True

    def _is_late(self, outcome: Outcome, step: Step) -> bool:
        """Whether its step was canceled while it ran, now or before, and nobody has heard yet what it used."""
        same = outcome.kind in _FENCED and step.fence == outcome.fence
        late = same and step.leased and step.row.state is StepState.CANCELED
        if late:
            self.late.append(outcome)
        return late

    def _repeats(self, outcome: Outcome, step: Step) -> bool:
        repeats = outcome.kind in _FENCED and step.fence == outcome.fence
        if repeats:
            self.repeated.append(outcome.key)
        return repeats

    def _turn(self, execution_id: UUID) -> Turn | None:
        """The turn of a live execution; None if it is over or unknown."""
        turn = self.turns.get(execution_id)
        if turn is None:
            execution = self._executions.get(execution_id)
            if execution is None or execution.row.state in TERMINAL_EXECUTION:
                return None
            plan = plan_of(self._connection, execution.version_id)
            turn = self.turns[execution_id] = Turn(plan, execution.row, self._rows.get(execution_id, {}))
        return turn

    def send_writes(self, week: Week, republish_s: float) -> None:
        """Add everything that changed to the next round trip; takes one of its own where siblings must be stopped."""
        changes = writes.step_rows(self.turns, self._outcomes)
        referring = changes.pop("referring")
        if referring:
            week.run(hot.INSERT_REFERRING, {"referring": json_rows(referring)})
        stopping = [id for id, turn in self.turns.items() if turn.stop_siblings]
        scoped = {
            id: turn for id, turn in self.turns.items() if turn.counted or turn.errors or turn.given_up or turn.told
        }
        given_up = any(turn.given_up for turn in scoped.values())
        if stopping or given_up:
            week.run(hot.COMPLETE, writes.complete_parameters(republish_s, changes))
            changes = {}
        if given_up:
            send_scopes(week, scoped)
        if stopping:
            self._stop_siblings(week, stopping)
        for turn in self.turns.values():
            turn.settle()
        changes |= writes.execution_rows(self.turns)
        week.run(hot.COMPLETE, writes.complete_parameters(republish_s, changes))
        if scoped and not given_up:
            send_scopes(week, scoped)
        asks.send_asks(week, self.turns, self._outcomes)

    def _stop_siblings(self, week: Week, stopping: Sequence[UUID]) -> None:
        """Cancel what has not begun in executions that a failed step stops, and tell the workers what to end."""
        ids = {"ids": uuid_array(stopping)}
        canceled = week.run(hot.CANCEL_OPEN, ids)
        week.run(hot.NOTIFY_STOP, ids)
        week.wire.round_trip()
        for execution_id, opened, waiting in canceled.rows:
            self.turns[execution_id].execution.open_steps -= opened
            self.turns[execution_id].execution.waiting_steps -= waiting

    def ready(self) -> dict[UUID, tuple[StepRef, ...]]:
        """The steps that want a message; none where the execution is being stopped."""
        return {
            id: () if turn.execution.stopping else writes.ready(id, turn, self._executions[id].priority)
            for id, turn in self.turns.items()
        }

    def ended(self) -> dict[UUID, str]:
        """Executions that ended, with their final state."""
        touched = {*self.turns, *(key[0] for key in self.repeated)}
        states = {id: self._executions[id].row.state for id in touched if id in self._executions}
        return {id: state for id, state in states.items() if state in TERMINAL_EXECUTION}


def _execution(row: tuple[Any, ...]) -> Execution:
    return Execution(row[1], ExecutionRow(ExecutionState(row[2]), *row[3:-1]), row[-1])


def _step(row: tuple[Any, ...]) -> Step:
    _, node, item, fence, over, due, state, arrived, taken, attempt, failures, lost, port, code, resumed, *rest = row
    tokens, calls, elapsed_s, *children = rest
    step = StepRow(node, item, StepState(state), arrived, taken, attempt, failures, lost, None, port, code, resumed)
    step.ai_tokens, step.api_calls, step.elapsed_s = tokens, calls, elapsed_s or 0.0
    if children[0] is not None:
        step.children, step.children_begun, step.children_done, step.children_failed = (each or 0 for each in children)
    return Step(step, fence, over is not None, bool(over), bool(due))


def _fits(outcome: Outcome, step: Step) -> bool:
    """Whether the locked row is still the one that this outcome speaks of."""
    state = step.row.state
    if outcome.kind in _FENCED:
        return state is StepState.RUNNING and step.fence == outcome.fence
    if outcome.kind is Kind.DUE:
        return state in (StepState.RETRYING, StepState.WAITING) and step.due
    if outcome.kind is Kind.RESUMED:
        return state is StepState.WAITING and outcome.fence in (None, step.fence)
    by_supervisor = outcome.fence is not None and step.fence == outcome.fence
    return state is StepState.RUNNING and (step.lease_over or by_supervisor)
