"""A redelivered message whose step is over: find the successors that are ready, so that they get their messages again."""

from typing import Any

import psycopg

from shared.broker import StepRef
from shared.domain import items
from shared.domain.outcome import Key
from shared.domain.plan import Plan, PlanNode
from shared.engine.plans import plan_of

VERSION_OF = "SELECT version_id, priority FROM executions WHERE id = %s"
READY_STEPS = """
SELECT node, item, pool FROM steps
WHERE execution_id = %(id)s AND state = 'ready' AND (
  node = ANY(%(nodes)s) AND item = ANY(%(items)s) OR node = ANY(%(roots)s) AND item BETWEEN %(low)s AND %(high)s)
"""
"""Which of these steps wait for a worker: at the item, around it, or (the roots of scopes) inside it."""


def ready_successors(connection: psycopg.Connection[Any], key: Key) -> tuple[StepRef, ...]:
    """The ready steps that the end of a step may have released. Raises NotFound, InvalidDefinition."""
    execution_id, node, item = key
    row = connection.execute(VERSION_OF, (execution_id,)).fetchone()
    if row is None:
        return ()
    plan = plan_of(connection, row[0])
    found = plan.nodes.get(node)
    if found is None:
        return ()
    values = {"id": execution_id} | _targets(plan, found, item)
    rows = connection.execute(READY_STEPS, values).fetchall()
    return tuple(StepRef(execution_id, name, at, pool, row[1]) for name, at, pool in rows)


def _targets(plan: Plan, node: PlanNode, item: str) -> dict[str, Any]:
    """What the end of a step releases: steps beside it, scopes around it that close or are passed over, items that begin."""
    around = [plan.nodes[scope] for scope in node.scopes]
    here = [node, *around]
    opened = [each.body.roots for each in here if each.body is not None]
    outermost = items.cut(item, around[-1].depth) if around else item
    low, high = items.bounds(outermost)
    return {
        "nodes": list({*(edge.target for each in here for edge in each.edges), *node.joins_after, *node.scopes}),
        "items": list({items.cut(item, each.depth) for each in here}),
        "roots": [root for roots in opened for root in roots],
        "low": min(low, outermost),
        "high": high,
    }
