"""The steps of one execution: those with a row, and those of the plan that nothing has reached, in plan order."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import Any, LiteralString, NamedTuple
from uuid import UUID

import psycopg
from psycopg.rows import class_row

from shared.domain.plan import Plan, PlanNode
from shared.domain.turn import StepKey
from shared.engine.plans import plan_of
from shared.nodes.workflow_run import TYPE as CALL
from shared.queries import ai_usage
from shared.queries.executions import ExecutionRow
from shared.queries.shapes import parse_step_id, positions
from shared.queries.step_shape import Attempt, StepRow, Values, step_shape, values_of
from shared.queries.waiting import Beside, children_of, waiting_for

PAGE_BYTES = 8_000_000
_NODES_AT_ONCE = 50
FIRST_ITEMS = 20
MOST_SHOWN = 200
"""How much of long loops an overview has."""

_COLUMNS = """
SELECT s.node, s.item, s.state, s.tx::text::bigint AS tx, s.attempt, s.ready_at, s.started_at, s.completed_at, s.due_at,
  s.worker, s.port, s.ai_tokens, s.api_calls, s.reused_from, s.resumed, s.begun_at, s.children, s.children_done,
  s.children_failed, d.error
FROM steps s LEFT JOIN execution_data d ON d.execution_id = %(id)s AND d.node = s.node AND d.item = s.item
WHERE s.execution_id = %(id)s
"""
# Of one execution: steps whose last change is not older than the transaction `since`.
CHANGED = f"{_COLUMNS} AND s.tx >= %(since)s::text::xid8"
# The steps outside loops; of those inside, the first items, and what runs or has failed. As many as a page can show.
OVERVIEW = f"""{_COLUMNS} AND (s.item = '' OR s.item < %(below)s OR s.state IN ('running', 'open', 'waiting', 'retrying', 'failed'))
ORDER BY s.item <> '', s.item >= %(below)s, s.item LIMIT %(limit)s
"""
# The steps of some nodes, of each at most `limit` behind an item, by item.
OF_NODES = f"""
SELECT found.* FROM unnest(%(nodes)s::text[]) AS wanted (node)
CROSS JOIN LATERAL ({_COLUMNS} AND s.node = wanted.node
  AND (%(after)s::text IS NULL OR s.item > %(after)s) ORDER BY s.item LIMIT %(limit)s) AS found
"""
# One step.
ONE = f"{_COLUMNS} AND s.node = %(node)s AND s.item = %(item)s"
ATTEMPTS = """
SELECT node, item, number, state, worker, started_at, completed_at, error FROM step_attempts
WHERE execution_id = %(id)s AND node = ANY(%(nodes)s) ORDER BY node, item, number
"""
# Input and output of the wanted steps in their order, until `budget` bytes are full; at least the first one.
VALUES = """
SELECT input, output, input_blob, input_preview, output_blob, output_preview FROM (
  SELECT d.input, d.output, d.input_blob, d.input_preview, d.output_blob, d.output_preview, wanted.place,
    sum(octet_length(coalesce(d.input::text, '')) + octet_length(coalesce(d.output::text, '')))
      OVER (ORDER BY wanted.place) AS bytes
  FROM unnest(%(nodes)s::text[], %(items)s::text[]) WITH ORDINALITY AS wanted (node, item, place)
  LEFT JOIN execution_data d ON d.execution_id = %(id)s AND d.node = wanted.node AND d.item = wanted.item
) AS sized WHERE bytes <= %(budget)s OR place = 1 ORDER BY place
"""
# Transactions below it are over: whatever they changed is visible.
HORIZON = "SELECT pg_snapshot_xmin(pg_current_snapshot())::text::bigint"

Placed = tuple[PlanNode, StepRow]
Former = dict[tuple[str, str], list[Attempt]]


class Changes(NamedTuple):
    """Steps changed since a horizon, each with the transaction that changed it last, and the next horizon."""

    steps: list[tuple[int, dict[str, Any]]]
    horizon: int


def page(
    connection: psycopg.Connection[Any], execution: ExecutionRow, *, after: str | None, limit: int
) -> tuple[list[dict[str, Any]], str | None]:
    """At most `limit` steps behind the step `after` (its id) with input and output, and the next `after`.

    In the order of the definition, and by item. A page also ends when its values reach 8 MB.
    """
    plan = plan_of(connection, execution.version_id)
    wanted = _behind(connection, plan, execution, parse_step_id(after) if after else None, limit + 1)
    values = _values(connection, execution.id, [row for _, row in wanted[:limit]])
    items = _shapes(connection, execution.id, wanted[:limit], values)
    more = len(items) < len(wanted)
    return items, items[-1]["id"] if more and items else None


def _behind(
    connection: psycopg.Connection[Any], plan: Plan, execution: ExecutionRow, after: StepKey | None, limit: int
) -> list[Placed]:
    """At most `limit` steps behind one, in the order of the definition. A loop is read only as far as needed."""
    nodes = list(plan.nodes.values())
    place = next((at for at, node in enumerate(nodes) if after and node.id == after[0]), -1)
    found: list[Placed] = []
    if place >= 0 and after is not None and (nodes[place].depth or nodes[place].body):
        rows = _of_nodes(connection, execution.id, [nodes[place].id], limit, after=after[1])
        found += [(nodes[place], row) for row in rows]
    for start in range(place + 1, len(nodes), _NODES_AT_ONCE):
        if len(found) >= limit:
            break
        few = nodes[start : start + _NODES_AT_ONCE]
        rows = _of_nodes(connection, execution.id, [node.id for node in few], limit)
        found += _in_plan_order(few, execution.state, rows)
    return found[:limit]


def _of_nodes(
    connection: psycopg.Connection[Any], execution_id: UUID, nodes: list[str], limit: int, *, after: str | None = None
) -> list[StepRow]:
    """The steps of some nodes, of each at most `limit`; `after`: those behind an item ('' is outside loops)."""
    return _rows(connection, execution_id, OF_NODES, nodes=nodes, after=after, limit=limit)


def one(connection: psycopg.Connection[Any], execution: ExecutionRow, step_id: str) -> dict[str, Any] | None:
    """One step with input, output and attempts; None when the execution has no such step."""
    plan, key = plan_of(connection, execution.version_id), parse_step_id(step_id)
    node = plan.nodes.get(key[0]) if key else None
    if key is None or node is None:
        return None
    rows = _rows(connection, execution.id, ONE, node=key[0], item=key[1])
    if not rows and key[1]:
        return None
    wanted = _in_plan_order([node], execution.state, rows)
    values = _values(connection, execution.id, [row for _, row in wanted])
    found = next(iter(_shapes(connection, execution.id, wanted, values)), None)
    return None if found is None else found | ai_usage.of_step(connection, execution.id, *key)


def overview(connection: psycopg.Connection[Any], execution: ExecutionRow) -> Changes:
    """The steps without input and output, for the snapshot of a stream or a page: in loops item after item.

    Of long loops only the first items, and what runs or has failed: at most 200 steps, and those nothing has reached.
    """
    horizon = _horizon(connection)
    plan = plan_of(connection, execution.version_id)
    rows = _rows(connection, execution.id, OVERVIEW, below=f"{FIRST_ITEMS:06}", limit=MOST_SHOWN)
    every = _in_plan_order(plan.nodes.values(), execution.state, rows)
    every.sort(key=lambda placed: _place_in_tree(plan, *placed))
    return Changes(_light(connection, execution.id, every), horizon)


def _place_in_tree(plan: Plan, node: PlanNode, row: StepRow) -> list[int]:
    """Places and items from the outermost scope inwards: what belongs to an item stands together."""
    order = {name: place for place, name in enumerate(plan.nodes)}
    items = positions(row.item)
    path: list[int] = []
    for scope in (*reversed(node.scopes), node.id):
        path.append(order[scope])
        body = plan.nodes[scope].body
        if body is not None and body.loops and plan.nodes[scope].depth < len(items):
            path.append(items[plan.nodes[scope].depth])
    return path


def changed(connection: psycopg.Connection[Any], execution: ExecutionRow, since: int) -> Changes:
    """The steps whose rows changed since the horizon, like `overview`. One may come twice, none is missed."""
    horizon = _horizon(connection)
    plan = plan_of(connection, execution.version_id)
    rows = _rows(connection, execution.id, CHANGED, since=str(since))
    known = [(plan.nodes[row.node], row) for row in rows if row.node in plan.nodes]
    return Changes(_light(connection, execution.id, known), horizon)


def _rows(
    connection: psycopg.Connection[Any], execution_id: UUID, statement: LiteralString, **values: Any
) -> list[StepRow]:
    with connection.cursor(row_factory=class_row(StepRow)) as cursor:
        return cursor.execute(statement, {"id": execution_id, **values}).fetchall()


def _horizon(connection: psycopg.Connection[Any]) -> int:
    row = connection.execute(HORIZON).fetchone()
    assert row is not None  # noqa: S101 - a SELECT without FROM has one row
    return int(row[0])


def _in_plan_order(nodes: Iterable[PlanNode], state: str, rows: Iterable[StepRow]) -> list[Placed]:
    """Each node with its rows by item, or with a row of our own where nothing has arrived."""
    by_node: defaultdict[str, list[StepRow]] = defaultdict(list)
    for row in rows:
        by_node[row.node].append(row)
    # What nothing reached before the end will never run: `skipped`, or `canceled` with the whole execution.
    rowless = {"success": "skipped", "failed": "skipped", "canceled": "canceled"}.get(state, "pending")
    every: list[Placed] = []
    for node in nodes:
        reached = sorted(by_node.get(node.id, ()), key=lambda row: row.item)
        every += [(node, row) for row in reached or [StepRow(node.id, "", rowless)]]
    return every


def _values(connection: psycopg.Connection[Any], execution_id: UUID, rows: Sequence[StepRow]) -> list[Values]:
    """The values of the first of these steps, as many as fit into a page."""
    if not rows:
        return []
    wanted = {
        "id": execution_id,
        "nodes": [row.node for row in rows],
        "items": [row.item for row in rows],
        "budget": PAGE_BYTES,
    }
    return [
        values_of(execution_id, row.id, found)
        for row, found in zip(rows, connection.execute(VALUES, wanted), strict=False)
    ]


def _former(connection: psycopg.Connection[Any], execution_id: UUID, placed: Sequence[Placed]) -> Former:
    """The superseded attempts of these steps."""
    nodes = {row.node for _, row in placed if row.attempt > 1}
    grouped: Former = {}
    if nodes:
        for node, item, *attempt in connection.execute(ATTEMPTS, {"id": execution_id, "nodes": sorted(nodes)}):
            grouped.setdefault((node, item), []).append(Attempt(*attempt))
    return grouped


def _beside(connection: psycopg.Connection[Any], execution_id: UUID, placed: Sequence[Placed]) -> Beside:
    """What only some steps have: read where one of them may."""
    waits = [(row.node, row.item) for _, row in placed if row.state == "waiting"]
    calls = [(row.node, row.item) for node, row in placed if node.type == CALL]
    found = waiting_for(connection, execution_id, waits) if waits else {}
    return found | (children_of(connection, execution_id, calls) if calls else {})


def _shapes(
    connection: psycopg.Connection[Any], execution_id: UUID, placed: Sequence[Placed], values: Sequence[Values | None]
) -> list[dict[str, Any]]:
    former, beside = _former(connection, execution_id, placed), _beside(connection, execution_id, placed)
    return [
        step_shape(node, row, former.get((row.node, row.item), ()), read) | beside.get((row.node, row.item), {})
        for (node, row), read in zip(placed, values, strict=False)
    ]


def _light(
    connection: psycopg.Connection[Any], execution_id: UUID, placed: Sequence[Placed]
) -> list[tuple[int, dict[str, Any]]]:
    shapes = _shapes(connection, execution_id, placed, [None] * len(placed))
    return [(row.tx, shape) for (_, row), shape in zip(placed, shapes, strict=True)]
