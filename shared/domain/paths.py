"""What follows a step: edges are walked, steps are released or skipped, joins count who has arrived."""

from shared.domain import scopes
from shared.domain.plan import ERROR_PORT
from shared.domain.states import TERMINAL_STEP, StepEvent, StepState
from shared.domain.turn import StepRow, TurnRows


def follow(turn: TurnRows, row: StepRow, port: str | None) -> None:
    """Walk the edges out of a step that is over: release what is reached, and skip what can no longer be."""
    if turn.execution.stopping:
        return
    todo: list[tuple[StepRow, str | None, bool]] = [(row, port, True)]
    while todo:
        source, chosen, alive = todo.pop()
        for edge in turn.plan.nodes[source.node].edges:
            taken = alive and (edge.port == chosen if (edge.port or chosen == ERROR_PORT) else True)
            skipped = _arrive(turn, edge.target, row.item, taken=taken)
            if skipped is not None:
                todo.append((skipped, None, False))
        scopes.child_ended(turn, source)


def _arrive(turn: TurnRows, node: str, item: str, *, taken: bool) -> StepRow | None:
    """One path reaches `node`; its row if it is now skipped, so that its own edges are dead."""
    row = turn.row(node, item) or turn.insert(node, item)
    if row.state is not StepState.PENDING:
        # A join that began with an earlier arrival, or a path that such a join has given up.
        return None
    step = turn.plan.nodes[node]
    row.arrived += 1
    row.taken += taken
    if row.taken and (row.arrived == step.indegree or step.join != "all"):
        turn.move(row, StepEvent.RELEASED)
        if step.join == "first":
            _give_up_racers(turn, step.races, item)
    elif row.arrived == step.indegree:
        turn.move(row, StepEvent.UNREACHABLE)
        turn.execution.steps_resolved += 1
        return row
    else:
        turn.move(row, StepEvent.ARRIVED)
    return None


def _give_up_racers(turn: TurnRows, racers: tuple[str, ...], item: str) -> None:
    """A join has begun: the paths that only lead to it are canceled, also where they have not come to yet."""
    for racer in racers:
        row = turn.row(racer, item) or turn.insert(racer, item)
        if row.state not in TERMINAL_STEP:
            scopes.cancel(turn, row)
            turn.execution.steps_resolved += 1
            scopes.child_ended(turn, row)
