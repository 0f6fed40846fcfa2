"""Scopes in a batch of outcomes: how far they have come, and what becomes of those that were given up."""

from collections.abc import Iterator, Mapping
from uuid import UUID

from shared.db import hot
from shared.db.hot import Row, Week, json_rows
from shared.domain import items
from shared.domain.planner import Turn
from shared.domain.states import OPEN_STEP, TERMINAL_STEP, StepState
from shared.domain.turn import StepKey, StepRow
from shared.engine.asks import forsake_steps
from shared.engine.late import mark_running


def send_scopes(week: Week, turns: Mapping[UUID, Turn]) -> None:
    """Add what scopes changed to the next round trip; takes one of its own where steps inside must end."""
    counted = [_counted(id, row) for id, turn in turns.items() for row in turn.counted.values() if _counts(turn, row)]
    if counted:
        week.run(hot.COUNT_CHILDREN, {"counted": json_rows(counted)})
    errors = [_error(id, key, turn) for id, turn in turns.items() for key in turn.errors]
    if errors:
        week.run(hot.INSERT_SCOPE_ERRORS, {"errors": json_rows(errors)})
    running = [(id, *key) for id, turn in turns.items() for key in turn.told]
    mark_running(week, running)
    told = [_address(*key) for key in running]
    ranges = [row for id, turn in turns.items() for key in turn.given_up for row in _ranges(id, key, turn)]
    if ranges:
        told += _cancel(week, turns, ranges)
    if told:
        week.run(hot.NOTIFY_STEPS, {"told": json_rows(told)})


def _cancel(week: Week, turns: Mapping[UUID, Turn], ranges: list[Row]) -> list[str]:
    """Cancel what is inside, and set the counters of the executions right; returns the steps that ran."""
    canceled = week.run(hot.CANCEL_WITHIN, {"ranges": json_rows(ranges)})
    week.wire.round_trip()
    ran: list[str] = []
    ended = {tuple(row) for row in canceled.rows}
    asked = (StepState.WAITING, StepState.RUNNING)
    forsake_steps(week, [(id, node, item) for id, node, item, state in ended if state in asked])
    for execution_id, node, item, state in ended:
        execution = turns[execution_id].execution
        execution.open_steps -= state in OPEN_STEP
        execution.waiting_steps -= state == StepState.WAITING
        if state == StepState.RUNNING:
            ran.append(_address(execution_id, node, item))
    return ran


def _ranges(id: UUID, key: StepKey, turn: Turn) -> Iterator[Row]:
    """The steps inside a scope, or inside one item of a loop."""
    name, item = key
    body = turn.plan.nodes[name].body
    if body is None:
        return
    below = items.bounds(item)
    is_loop = body.loops and not turn.plan.is_item(name, item)
    if not is_loop:
        yield {"execution_id": id, "nodes": body.inside, "low": item, "high": item}
    yield {
        "execution_id": id,
        "nodes": (*body.inside, name) if is_loop else body.inside,
        "low": below[0],
        "high": below[1],
    }


def _counts(turn: Turn, row: StepRow) -> bool:
    """Whether anybody needs the counters: not of an item that is over, and one that has just begun has none yet."""
    if row.key in turn.inserted:
        return bool(row.children_begun or row.children_done)
    return not (turn.plan.is_item(row.node, row.item) and row.state in TERMINAL_STEP)


def _counted(id: UUID, row: StepRow) -> Row:
    return {
        "execution_id": id,
        "node": row.node,
        "item": row.item,
        "children": row.children,
        "begun": row.children_begun,
        "done": row.children_done,
        "failed": row.children_failed,
    }


def _error(id: UUID, key: StepKey, turn: Turn) -> Row:
    """A scope that failed while the run goes on has its fallback as output."""
    fallback = turn.plan.nodes[key[0]].fallback
    return {"execution_id": id, "node": key[0], "item": key[1], "output": fallback, "error": turn.errors[key]}


def _address(id: UUID, node: str, item: str) -> str:
    return f"{id} {node} {item}"
