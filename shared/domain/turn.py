"""The rows of one execution while outcomes are applied to it: what was read under the lock, and what changes."""

from dataclasses import dataclass, field

from shared.domain.payload import Stored
from shared.domain.plan import Plan
from shared.domain.states import OPEN_STEP, ExecutionState, StepEvent, StepState, next_step_state

StepKey = tuple[str, str]
"""(node, item) within one execution."""


@dataclass(slots=True)
class StepRow:
    """A step as the database has it, changed in place by a turn.

    The `children` of a loop are its items; those of a pass through a scope are the steps in it.
    """

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
    children: int = 0
    children_begun: int = 0
    children_done: int = 0
    children_failed: int = 0

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
    total_steps: int = 0


@dataclass(slots=True)
class TurnRows:
    """What a turn reads and writes. `rows` holds every row that may be touched: the steps that ended, and what
    `Plan.touches` names for each.
    """

    plan: Plan
    execution: ExecutionRow
    rows: dict[StepKey, StepRow]
    updated: dict[StepKey, StepRow] = field(default_factory=dict)
    inserted: dict[StepKey, StepRow] = field(default_factory=dict)
    superseded: list[StepKey] = field(default_factory=list)
    """Attempts to keep in step_attempts before the row is overwritten."""
    counted: dict[StepKey, StepRow] = field(default_factory=dict)
    """Scopes whose `children…` changed."""
    values: dict[StepKey, Stored] = field(default_factory=dict)
    """The items of loops that opened."""
    errors: dict[StepKey, str] = field(default_factory=dict)
    """Why scopes, and items of loops, failed: JSON."""
    given_up: list[StepKey] = field(default_factory=list)
    """Scopes, and items of loops, that ended early: all steps inside are canceled, whatever their state."""
    told: list[StepKey] = field(default_factory=list)
    """Steps that a worker may be running although they were canceled."""
    stop_siblings: bool = False

    def row(self, node: str, item: str) -> StepRow | None:
        """The row, also one that this turn inserts."""
        return self.inserted.get((node, item)) or self.rows.get((node, item))

    def scope_row(self, node: str, item: str) -> StepRow:
        """The row of a scope around a step that lives: it has one. Raises KeyError for a turn without it."""
        found = self.row(node, item)
        if found is None:
            raise KeyError((node, item))
        return found

    def insert(self, node: str, item: str, state: StepState = StepState.PENDING) -> StepRow:
        """A new row."""
        row = self.inserted[node, item] = StepRow(node, item, state)
        return row

    def move(self, row: StepRow, event: StepEvent) -> None:
        """Change a step's state as the table says; raises IllegalTransition where it says nothing."""
        before = row.state
        row.state = next_step_state(before, event)
        execution = self.execution
        execution.open_steps += (row.state in OPEN_STEP) - (before in OPEN_STEP)
        execution.waiting_steps += (row.state is StepState.WAITING) - (before is StepState.WAITING)
        if row.key not in self.inserted:
            self.updated[row.key] = row

    def count(self, row: StepRow) -> None:
        """Note that the `children…` of a scope changed."""
        self.counted[row.key] = row
