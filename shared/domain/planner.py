"""What should change when steps of one execution end: pure, values in, values out.

`Turn` is one execution under its row lock. Apply outcomes to it in any order and any grouping: the rows that result
are the same. The engine then writes `updated`, `inserted` and the execution's new counters.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace

from shared.domain import paths, scopes
from shared.domain.outcome import Kind, Outcome
from shared.domain.plan import ERROR_PORT
from shared.domain.retry import next_attempt_s
from shared.domain.states import TERMINAL_EXECUTION, ExecutionEvent, ExecutionState, StepEvent, next_execution_state
from shared.domain.turn import ExecutionRow, StepKey, StepRow, TurnRows

__all__ = ["ExecutionRow", "StepKey", "StepRow", "Turn"]

MAX_LOST = 3
WORKER_LOST = "WORKER_LOST"
MAX_STEPS = 200_000
TOO_MANY_STEPS = "TOO_MANY_STEPS"
TOO_MANY_STEPS_ERROR = (
    f'{{"code":"{TOO_MANY_STEPS}","message":"With this loop the run would have more than {MAX_STEPS:,} steps. '
    'Loop over fewer items, or start a workflow of its own for each part.","retryable":false}'
)


@dataclass(slots=True)
class Turn(TurnRows):
    """One execution being advanced."""

    def apply(self, outcomes: Iterable[Outcome]) -> None:
        """Apply outcomes whose fences were checked; the state table raises where one does not fit its row."""
        for outcome in outcomes:
            self._apply_one(outcome)

    def _apply_one(self, outcome: Outcome) -> None:
        row = self.rows[outcome.key[1:]]
        match outcome.kind:
            case Kind.DONE:
                self._end(row, outcome, StepEvent.SUCCEEDED)
                paths.follow(self, row, outcome.port)
            case Kind.OPEN:
                self._open(row, outcome)
            case Kind.FAILED:
                self._fail(row, outcome)
            case Kind.WAIT:
                self._wait(row, outcome)
            case Kind.STOPPED:
                self._end(row, outcome, StepEvent.CANCELED)
            case Kind.LOST:
                self._lose(row, outcome)
            case Kind.DUE:
                self._wake(row, StepEvent.DUE)
            case Kind.RESUMED:
                self._wake(row, StepEvent.RESUMED)

    # -- how a step ends ------------------------------------------------------------------------------------------

    def _end(self, row: StepRow, outcome: Outcome, event: StepEvent) -> None:
        self.move(row, event)
        row.port, row.error_code, row.due_s = outcome.port, outcome.error_code, None
        self._count_use(row, outcome)
        self.execution.steps_executed += 1
        if event is not StepEvent.CANCELED:
            self.execution.steps_resolved += 1

    def _count_use(self, row: StepRow, outcome: Outcome) -> None:
        row.ai_tokens, row.api_calls = outcome.ai_tokens, outcome.api_calls
        self.execution.ai_tokens += outcome.ai_tokens
        self.execution.api_calls += outcome.api_calls

    def _open(self, row: StepRow, outcome: Outcome) -> None:
        if self.execution.stopping:
            self._end(row, outcome, StepEvent.CANCELED)
            return
        size = scopes.size_of(self, row, outcome.items)
        if self.execution.total_steps + size > MAX_STEPS:
            self.errors[row.key] = TOO_MANY_STEPS_ERROR
            self._fail(row, replace(outcome, kind=Kind.FAILED, items=None, error_code=TOO_MANY_STEPS))
        else:
            self.execution.total_steps += size
            scopes.open_scope(self, row, outcome.items)

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
            self.move(row, StepEvent.WILL_RETRY)
            self._count_use(row, outcome)
            row.due_s, row.error_code = wait_s, outcome.error_code
            # The next attempt begins anew: what this one waited for is not its answer.
            row.resumed = False
            return
        self._end(row, outcome, StepEvent.FAILED)
        self._after_failure(row, outcome)

    def _after_failure(self, row: StepRow, outcome: Outcome) -> None:
        """What `onError` says, first the step's, then that of the scopes around it: go on, take the error port, or stop."""
        if self._go_on(row) or self.execution.stopping:
            return
        scope = scopes.handler(self, row)
        if scope is None:
            self._stop(row)
            return
        over = scopes.give_up(self, scope, row, outcome.error)
        if over is not None:
            self.execution.steps_resolved += 1
            self._go_on(over)

    def _go_on(self, row: StepRow) -> bool:
        """Whether the run goes on past a step that failed; then it does."""
        on_error = self.plan.nodes[row.node].on_error
        if on_error == "port":
            row.port = ERROR_PORT
        if on_error != "fail":
            paths.follow(self, row, row.port)
        return on_error != "fail"

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
        self.move(row, StepEvent.WAITS)
        self._count_use(row, outcome)
        row.due_s, row.resumed = outcome.due_s, True

    def _lose(self, row: StepRow, outcome: Outcome) -> None:
        if self.execution.stopping:
            self._end(row, outcome, StepEvent.CANCELED)
            return
        row.lost += 1
        if row.lost < MAX_LOST and self.plan.nodes[row.node].on_worker_lost == "retry":
            self.superseded.append(row.key)
            self.move(row, StepEvent.LEASE_EXPIRED)
            return
        self._end(row, outcome, StepEvent.FAILED)
        row.error_code = outcome.error_code or WORKER_LOST
        self._after_failure(row, outcome)

    def _wake(self, row: StepRow, event: StepEvent) -> None:
        if not self.execution.stopping:
            self.move(row, event)
            row.due_s = None

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
        if execution.state is ExecutionState.SUCCESS:
            # Whatever was given up inside a scope is resolved by its scope.
            execution.steps_resolved = max(execution.steps_resolved, execution.total_steps)
