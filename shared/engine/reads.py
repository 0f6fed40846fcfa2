"""Which rows of execution_data a step needs, and what they become: values by name, results of a scope by item."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any
from uuid import UUID

from shared.db.hot import Row
from shared.domain import items
from shared.domain.outcome import Key
from shared.domain.payload import parse_ref
from shared.domain.plan import Plan, PlanNode
from shared.domain.turn import StepKey
from shared.engine.requests import Results, Value

INPUT = ""
"""The name under which a step finds the input of the execution."""


def of(plan: Plan, node: PlanNode, item: str) -> dict[str, StepKey]:
    """The rows (node, item) that the parameters of a step need, each under its name.

    A step that is outside the step's loops has its row at the item around; a loop around it stands for its present item.
    """
    found = {name: (name, _place(plan, node, name, item)) for name in node.reads}
    if not node.params.names.isdisjoint(("item", "index")):
        loop = innermost_loop(plan, node)
        found[loop] = (loop, _place(plan, node, loop, item))
    if "input" in node.params.names:
        found[INPUT] = (INPUT, "")
    return found


def _place(plan: Plan, node: PlanNode, name: str, item: str) -> str:
    read = plan.nodes[name]
    return items.cut(item, read.depth + (name in node.scopes))


def innermost_loop(plan: Plan, node: PlanNode) -> str:
    """The loop whose `item` a step sees. Raises StopIteration outside loops; the compiler refuses that."""
    return next(scope for scope in node.scopes if _loops(plan, scope))


def _loops(plan: Plan, scope: str) -> bool:
    body = plan.nodes[scope].body
    return body is not None and body.loops


def rows(wanted: Iterable[Key], plans: Mapping[UUID, Plan]) -> list[Row]:
    """Keys for READ_VALUES. Inputs and items were given, all else was returned by a step."""
    return [
        {"execution_id": id, "node": node, "item": item} | ({"given": True} if _given(plans[id], node, item) else {})
        for id, node, item in wanted
    ]


def _given(plan: Plan, node: str, item: str) -> bool:
    return node == INPUT or plan.is_item(node, item)


def results(key: Key, node: PlanNode) -> Row:
    """One row for READ_RESULTS: where the steps at the end of a scope, and the items of a loop, have left their values."""
    assert node.body is not None  # noqa: S101 - the caller asks for scopes only
    low, high = items.bounds(key[2]) if node.body.loops else (key[2], key[2])
    ends = (*node.body.ends, node.id) if node.body.loops else node.body.ends
    return {"execution_id": key[0], "node": key[1], "item": key[2], "ends": ends, "low": low, "high": high}


def passes(found: Sequence[tuple[Any, ...]]) -> dict[Key, Results]:
    """What the steps of each claimed scope have left."""
    by_scope: dict[Key, Results] = {}
    for id, node, item, children, failed, end, at, output, error, ref, size in found:
        read = by_scope.setdefault((id, node, item), Results(children, failed or 0, {}))
        if end is not None:
            read.values[end, at] = Value(output, error, parse_ref(ref), size)
    return by_scope
