"""Scopes: containers that are steps. A scope opens, its steps run, it closes; or one of them fails and it is given up.

A pass through a scope has a row that counts its steps: the scope's own row, or in a loop, one row for each item. The
loop's own row counts its items; at most `maxParallel` of them exist at a time. Once all are over, the scope's own row is
ready again: a worker collects the results.
"""

from shared.domain import items
from shared.domain.payload import Stored
from shared.domain.plan import Body
from shared.domain.states import TERMINAL_STEP, StepEvent, StepState
from shared.domain.turn import StepKey, StepRow, TurnRows


def open_scope(turn: TurnRows, row: StepRow, values: tuple[Stored, ...] | None) -> None:
    """A worker has evaluated what the scope needs; `values` are the items of a loop, at least one."""
    body = body_of(turn, row.node)
    turn.move(row, StepEvent.OPENED)
    if values is None:
        _begin_pass(turn, row, body)
        return
    row.children = len(values)
    turn.values |= {(row.node, items.key(row.item, index)): value for index, value in enumerate(values)}
    for _ in range(min(len(values), body.max_parallel)):
        _begin_item(turn, row, body)


def size_of(turn: TurnRows, row: StepRow, values: tuple[Stored, ...] | None) -> int:
    """How many steps a scope adds to the run when it opens: those of a loop's items; others are counted from the start."""
    return 0 if values is None else len(values) * body_of(turn, row.node).size


def child_ended(turn: TurnRows, row: StepRow) -> None:
    """A step is over for good while its scope goes on: maybe it was the last one of its pass."""
    scopes = turn.plan.nodes[row.node].scopes
    if not scopes:
        return
    a_pass = turn.scope_row(scopes[0], row.item)
    if a_pass.state is not StepState.OPEN:
        return
    a_pass.children_done += 1
    turn.count(a_pass)
    if a_pass.children_done < a_pass.children:
        return
    if body_of(turn, a_pass.node).loops:
        turn.move(a_pass, StepEvent.CLOSED)
        _item_ended(turn, a_pass)
    else:
        _close(turn, a_pass)


def handler(turn: TurnRows, row: StepRow) -> str | None:
    """The scope, the innermost first, that deals with the failure of a step; None if the run has to."""
    scopes = turn.plan.nodes[row.node].scopes
    return next((scope for scope in scopes if turn.plan.nodes[scope].on_error != "fail"), None)


def give_up(turn: TurnRows, scope: str, row: StepRow, error: str | None) -> StepRow | None:
    """A step failed and `scope` deals with it: give up that item of a loop that goes on, else the whole scope.

    Returns the scope's row if the scope is over (failed), for what follows it.
    """
    node, body = turn.plan.nodes[scope], body_of(turn, scope)
    if body.loops and node.on_error == "continue":
        a_pass = turn.scope_row(scope, items.cut(row.item, node.depth + 1))
        _fail(turn, a_pass, row, error)
        loop = turn.scope_row(scope, items.cut(row.item, node.depth))
        loop.children_failed += 1
        # The one that failed is resolved already.
        turn.execution.steps_resolved += max(0, a_pass.children - a_pass.children_done - 1)
        _item_ended(turn, a_pass)
        return None
    whole = turn.scope_row(scope, items.cut(row.item, node.depth))
    _fail(turn, whole, row, error)
    turn.execution.steps_executed += 1
    turn.execution.steps_resolved += (whole.children - whole.children_begun) * body.size if body.loops else 0
    return whole


def is_given_up(turn: TurnRows, key: StepKey) -> bool:
    """Whether a step is inside a scope that this turn has ended early."""
    if not turn.given_up:
        return False
    scopes = turn.plan.nodes[key[0]].scopes
    return any(
        scope in scopes and (key[1] == item or item == "" or key[1].startswith(f"{item}/"))
        for scope, item in turn.given_up
    )


def cancel(turn: TurnRows, row: StepRow) -> None:
    """Nobody needs this step any more: it ends, and so does everything inside it."""
    if row.state in TERMINAL_STEP:
        return
    if row.state is StepState.RUNNING:
        turn.told.append(row.key)
    if row.state is StepState.OPEN:
        turn.given_up.append(row.key)
    turn.move(row, StepEvent.CANCELED)


def body_of(turn: TurnRows, scope: str) -> Body:
    """What a scope holds. Raises KeyError for a node."""
    body = turn.plan.nodes[scope].body
    if body is None:
        raise KeyError(scope)
    return body


def _begin_item(turn: TurnRows, loop: StepRow, body: Body) -> None:
    row = turn.insert(loop.node, items.key(loop.item, loop.children_begun), StepState.OPEN)
    loop.children_begun += 1
    turn.count(loop)
    _begin_pass(turn, row, body)


def _begin_pass(turn: TurnRows, row: StepRow, body: Body) -> None:
    row.children = len(body.members)
    turn.count(row)
    for root in body.roots:
        turn.move(turn.insert(root, row.item), StepEvent.RELEASED)


def _item_ended(turn: TurnRows, a_pass: StepRow) -> None:
    body = body_of(turn, a_pass.node)
    loop = turn.scope_row(a_pass.node, items.cut(a_pass.item, turn.plan.nodes[a_pass.node].depth))
    loop.children_done += 1
    turn.count(loop)
    if loop.children_begun < loop.children:
        if not turn.execution.stopping:
            _begin_item(turn, loop, body)
    elif loop.children_done == loop.children:
        _close(turn, loop)


def _close(turn: TurnRows, row: StepRow) -> None:
    """Ready once more: whoever runs it collects the results."""
    if not turn.execution.stopping:
        turn.move(row, StepEvent.CLOSES)
        row.resumed = True


def _fail(turn: TurnRows, row: StepRow, cause: StepRow, error: str | None) -> None:
    turn.move(row, StepEvent.GIVEN_UP)
    row.error_code = cause.error_code
    turn.given_up.append(row.key)
    if error is not None:
        turn.errors[row.key] = error
