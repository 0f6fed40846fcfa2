"""What should change when steps of one execution end: pure, values in, values out.

`Turn` is one execution under its row lock. Apply outcomes to it in any order and any grouping: the rows that result
are the same. The engine then writes `updated`, `inserted` and the execution's new counters.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field

from shared.domain.outcome import Kind, Outcome
from shared.domain.plan import ERROR_PORT, Plan
from shared.domain.retry import next_attempt_s
from shared.domain.states import (
    OPEN_STEP,
    TERMINAL_EXECUTION,
    ExecutionEvent,
    ExecutionState,
    StepEvent,
    StepState,
    next_execution_state,
    next_step_state,
)

MAX_LOST = 3
WORKER_LOST = "WORKER_LOST"
StepKey = tuple[str, str]
"""(node, item) within one execution."""


@dataclass(slots=True)
class StepRow:
    """A step as the database has it, changed in place by a turn."""

    node: str
    item: str
    state: StepState
    arrived: int = 0
    taken: int = 0
    attempt: int = 0
    failures: int = 0
    lost: int = 0
    due_s: float | None = None
    port: str | None = None
    error_code: str | None = None
    resumed: bool = False
    ai_tokens: int = 0
    api_calls: int = 0
    elapsed_s: float = 0.0
    """Since its first attempt began."""

    @property
    def key(self) -> StepKey:
        """(node, item)."""
        return self.node, self.item


@dataclass(slots=True)
class ExecutionRow:
    """The counters of an execution, changed in place by a turn."""

    state: ExecutionState
    stopping: str | None
    open_steps: int
    waiting_steps: int = 0
    steps_executed: int = 0
    steps_resolved: int = 0
    ai_tokens: int = 0
    api_calls: int = 0
    failed_node: str | None = None
    failed_item: str | None = None


@dataclass(slots=True)
class Turn:
    """One execution being advanced. `rows` holds every row that may be touched: the steps that ended and their joins."""

    plan: Plan
    execution: ExecutionRow
    rows: dict[StepKey, StepRow]
    updated: dict[StepKey, StepRow] = field(default_factory=dict)
    inserted: dict[StepKey, StepRow] = field(default_factory=dict)
    superseded: list[StepKey] = field(default_factory=list)
    """Attempts to keep in step_attempts before the row is overwritten."""
    stop_siblings: bool = False

    def apply(self, outcomes: Iterable[Outcome]) -> None:
        """Apply outcomes whose fences were checked; the state table raises where one does not fit its row."""
        for outcome in outcomes:
            self._apply_one(outcome)

    def _apply_one(self, outcome: Outcome) -> None:
        row = self.rows[outcome.key[1:]]
        match outcome.kind:
            case Kind.DONE:
                self._end(row, outcome, StepEvent.SUCCEEDED)
                self._follow(row.node, row.item, outcome.port)
            case Kind.FAILED:
                self._fail(row, outcome)
            case Kind.WAIT:
                self._wait(row, outcome)
            case Kind.STOPPED:
                self._end(row, outcome, StepEvent.CANCELED)
            case Kind.LOST:
                self._lose(row, outcome)
            case Kind.DUE:
                self._wake(row)

    # -- how a step ends ------------------------------------------------------------------------------------------

    def _move(self, row: StepRow, event: StepEvent) -> None:
        before = row.state
        row.state = next_step_state(before, event)
        execution = self.execution
        execution.open_steps += (row.state in OPEN_STEP) - (before in OPEN_STEP)
        execution.waiting_steps += (row.state is StepState.WAITING) - (before is StepState.WAITING)
        if row.key not in self.inserted:
            self.updated[row.key] = row

    def _end(self, row: StepRow, outcome: Outcome, event: StepEvent) -> None:
        self._move(row, event)
        row.port, row.error_code, row.due_s = outcome.port, outcome.error_code, None
        self._count(row, outcome)
        self.execution.steps_executed += 1
        if event is not StepEvent.CANCELED:
            self.execution.steps_resolved += 1

    def _count(self, row: StepRow, outcome: Outcome) -> None:
        row.ai_tokens, row.api_calls = outcome.ai_tokens, outcome.api_calls
        self.execution.ai_tokens += outcome.ai_tokens
        self.execution.api_calls += outcome.api_calls

    def _fail(self, row: StepRow, outcome: Outcome) -> None:
        policy = self.plan.nodes[row.node].retry
        row.failures += 1
        worth_it = outcome.error_code in policy.only if policy.only else outcome.retryable
        wait_s = next_attempt_s(
            policy,
            failures=row.failures,
            elapsed_s=row.elapsed_s,
            jitter=outcome.jitter,
            retry_after_s=outcome.retry_after_s,
        )
        if worth_it and wait_s is not None and not self.execution.stopping:
            self.superseded.append(row.key)
            self._move(row, StepEvent.WILL_RETRY)
            self._count(row, outcome)
            row.due_s, row.error_code = wait_s, outcome.error_code
            return
        self._end(row, outcome, StepEvent.FAILED)
        self._after_failure(row)

    def _after_failure(self, row: StepRow) -> None:
        """What the node's `onError` says: the run goes on as if nothing had been, takes the error port, or stops."""
        on_error = self.plan.nodes[row.node].on_error
        if on_error == "continue":
            self._follow(row.node, row.item, None)
        elif on_error == "port":
            row.port = ERROR_PORT
            self._follow(row.node, row.item, ERROR_PORT)
        else:
            self._stop(row)

    def _stop(self, row: StepRow) -> None:
        execution = self.execution
        if execution.stopping is None:
            execution.failed_node, execution.failed_item = row.node, row.item
            execution.stopping = "fail"
            self.stop_siblings = True

    def _wait(self, row: StepRow, outcome: Outcome) -> None:
        if self.execution.stopping:
            self._end(row, outcome, StepEvent.CANCELED)
            return
        self._move(row, StepEvent.WAITS)
        self._count(row, outcome)
        row.due_s, row.resumed = outcome.due_s, True

    def _lose(self, row: StepRow, outcome: Outcome) -> None:
        if self.execution.stopping:
            self._end(row, outcome, StepEvent.CANCELED)
            return
        row.lost += 1
        if row.lost < MAX_LOST and self.plan.nodes[row.node].on_worker_lost == "retry":
            self.superseded.append(row.key)
            self._move(row, StepEvent.LEASE_EXPIRED)
            return
        self._end(row, outcome, StepEvent.FAILED)
        row.error_code = outcome.error_code or WORKER_LOST
        self._after_failure(row)

    def _wake(self, row: StepRow) -> None:
        if not self.execution.stopping:
            self._move(row, StepEvent.DUE)
            row.due_s = None

    # -- what follows ---------------------------------------------------------------------------------------------

    def _follow(self, node: str, item: str, port: str | None) -> None:
        """Walk the edges out of `node`: release what is reached, and skip what can no longer be."""
        if self.execution.stopping:
            return
        todo: list[tuple[str, str | None, bool]] = [(node, port, True)]
        while todo:
            source, chosen, alive = todo.pop()
            for edge in self.plan.nodes[source].edges:
                taken = alive and (edge.port == chosen if (edge.port or chosen == ERROR_PORT) else True)
                if self._arrive(edge.target, item, taken=taken):
                    todo.append((edge.target, None, False))

    def _arrive(self, node: str, item: str, *, taken: bool) -> bool:
        """One path reaches `node`; True if the node is now skipped, so that its own edges are dead."""
        key = (node, item)
        row = self.inserted.get(key) or self.rows.get(key)
        if row is None:
            row = StepRow(node, item, StepState.PENDING)
            self.inserted[key] = row
        row.arrived += 1
        row.taken += taken
        if row.arrived < self.plan.nodes[node].indegree:
            self._move(row, StepEvent.ARRIVED)
            return False
        if row.taken:
            self._move(row, StepEvent.RELEASED)
            return False
        self._move(row, StepEvent.UNREACHABLE)
        self.execution.steps_resolved += 1
        return True

    # -- how the execution stands ---------------------------------------------------------------------------------

    def settle(self) -> None:
        """Give the execution its state once all counters are right (after siblings were canceled, if any were)."""
        execution = self.execution
        if execution.state in TERMINAL_EXECUTION:
            return
        if execution.open_steps == 0:
            self._finish()
        elif execution.open_steps == execution.waiting_steps:
            if execution.state is ExecutionState.RUNNING:
                execution.state = next_execution_state(execution.state, ExecutionEvent.ALL_WAITING)
        elif execution.state is ExecutionState.WAITING:
            execution.state = next_execution_state(execution.state, ExecutionEvent.WOKEN)

    def _finish(self) -> None:
        execution = self.execution
        event = {
            None: ExecutionEvent.SUCCEEDED,
            "fail": ExecutionEvent.FAILED,
            "cancel": ExecutionEvent.CANCELED,
        }[execution.stopping]
        execution.state = next_execution_state(execution.state, event)
