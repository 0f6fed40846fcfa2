"""A new run that keeps what an earlier one did: which steps are copied, and the rows that the new one begins with. Pure.

The planner decides what follows the copies, as it does for steps that ran: there is no second walk to keep in step.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import NamedTuple
from uuid import UUID

from shared.domain.graph import Graph
from shared.domain.outcome import Kind, Outcome
from shared.domain.plan import Plan, PlanNode
from shared.domain.planner import ExecutionRow, StepKey, StepRow, Turn
from shared.domain.states import TERMINAL_STEP, ExecutionState, StepEvent, StepState, next_step_state
from shared.domain.values import to_json

OUTSIDE = ""
"""The item of a step that is in no loop."""
_DID_NOT_RUN = frozenset({StepState.SKIPPED, StepState.CANCELED})
_NOBODY = UUID(int=0)
_ANY_SIZE = 1 << 62


class Past(NamedTuple):
    """How a node of the earlier run ended, and the port that it chose."""

    state: StepState
    port: str | None = None


@dataclass(frozen=True, slots=True)
class Replay:
    """The beginning of the new run: its counters, all its rows by key, and the nodes whose rows are copies."""

    execution: ExecutionRow
    rows: Mapping[StepKey, StepRow]
    copied: tuple[str, ...]


def reusable(
    earlier: Plan, chosen: Plan, past: Mapping[str, Past], *, anew: Collection[str] = (), new_input: bool = False
) -> frozenset[str]:
    """The nodes of `chosen` whose success may be copied if that of everything before them is.

    They succeeded, their id, type and params are those of `earlier`, and none is in `anew`. With a `new_input` none
    names `input` in its params either. A scope is not copied, nor is what is inside one.
    """
    return frozenset(
        name
        for name, node in chosen.nodes.items()
        if name in past
        and past[name].state is StepState.SUCCESS
        and name not in anew
        and node.body is None
        and not node.scopes
        and _same(earlier.nodes.get(name), node)
        and not (new_input and "input" in node.params.names)
    )


def replay(plan: Plan, past: Mapping[str, Past], reuse: Collection[str]) -> Replay:
    """The rows of a run of `plan` in which the steps of `reuse` have succeeded as in `past`, as far as they are reached.

    A step is copied only if each step before it is copied too, or ends now without running, as it did then: skipped,
    or given up by a join. Copies count as resolved, not as executed. Whatever follows them is as the planner says.

    `past` is in the order in which the steps ended, so that the joins of `first` go the same way again.
    """
    before = _before(plan)
    while True:
        reuse = _with_all_before(before, past, reuse)
        turn, copied = _walk(plan, past, reuse)
        changed = {node for node in copied if not _as_before(turn, before[node], past)}
        if not changed:
            turn.execution.steps_executed = 0
            return Replay(turn.execution, turn.rows | turn.inserted, tuple(copied))
        reuse = reuse - changed


def _same(one: PlanNode | None, other: PlanNode) -> bool:
    return one is not None and one.type == other.type and _text(one) == _text(other)


def _text(node: PlanNode) -> bytes:
    """The params as written, with the order of their keys: an output may depend on it."""
    return to_json(node.params.source, max_bytes=_ANY_SIZE)


def _before(plan: Plan) -> dict[str, set[str]]:
    """The nodes that lead to each node; the keys in an order that the edges allow."""
    pairs = [(name, edge.target) for name, node in plan.nodes.items() for edge in node.edges]
    graph = Graph(tuple(plan.nodes), tuple((source, target, False) for source, target in pairs))
    before: dict[str, set[str]] = {node: set() for node in graph.order()}
    for source, target in pairs:
        before[target].add(source)
    return before


def _with_all_before(
    before: Mapping[str, set[str]], past: Mapping[str, Past], reuse: Collection[str]
) -> frozenset[str]:
    """Those of `reuse` before which everything is in it too, or did not run."""
    kept: set[str] = set()
    for node, sources in before.items():
        if node in reuse and all(
            source in kept or (source in past and past[source].state in _DID_NOT_RUN) for source in sources
        ):
            kept.add(node)
    return frozenset(kept)


def _walk(plan: Plan, past: Mapping[str, Past], reuse: Collection[str]) -> tuple[Turn, list[str]]:
    """A run in which the steps of `reuse` have succeeded in the order of `past`, and those that were reached."""
    execution = ExecutionRow(ExecutionState.QUEUED, None, len(plan.roots), total_steps=plan.total_steps)
    turn = Turn(plan, execution, {(root, OUTSIDE): StepRow(root, OUTSIDE, StepState.READY) for root in plan.roots})
    left = [node for node in past if node in reuse]
    copied: list[str] = []
    known = -1
    while known < len(copied):
        known = len(copied)
        for node in left:
            row = turn.row(node, OUTSIDE)
            if row is not None and row.state is StepState.READY:
                _succeed(turn, row, past[node])
                copied.append(node)
    return turn, copied


def _as_before(turn: Turn, nodes: Collection[str], past: Mapping[str, Past]) -> bool:
    """Whether each of the nodes is over in this run as it was in the earlier one."""
    rows = {node: turn.row(node, OUTSIDE) for node in nodes}
    return all(
        row is not None and row.state in TERMINAL_STEP and node in past and past[node].state is row.state
        for node, row in rows.items()
    )


def _succeed(turn: Turn, row: StepRow, past: Past) -> None:
    """Let a ready step have ended as it did."""
    row.state = next_step_state(row.state, StepEvent.CLAIMED)
    turn.rows[row.key] = row
    turn.apply([Outcome((_NOBODY, *row.key), Kind.DONE, port=past.port)])
