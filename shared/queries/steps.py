"""The steps of one execution: those with a row, and those of the plan that nothing has reached, in plan order."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple
from uuid import UUID

import psycopg
from psycopg.rows import class_row

from shared.domain.plan import Plan, PlanNode
from shared.engine.plans import plan_of
from shared.queries.executions import ExecutionRow
from shared.queries.step_shape import Attempt, StepRow, Values, step_shape

PAGE_BYTES = 8_000_000

# Of one execution: all steps, or those whose last change is not older than the transaction `since`.
ROWS = """
SELECT s.node, s.item, s.state, s.tx::text::bigint AS tx, s.attempt, s.ready_at, s.started_at, s.completed_at, s.due_at,
  s.worker, s.port, s.ai_tokens, s.api_calls, s.reused_from, d.error
FROM steps s LEFT JOIN execution_data d ON d.execution_id = %(id)s AND d.node = s.node AND d.item = s.item
WHERE s.execution_id = %(id)s AND (%(since)s::text IS NULL OR s.tx >= %(since)s::text::xid8)
"""
ATTEMPTS = """
SELECT node, item, number, state, worker, started_at, completed_at, error FROM step_attempts
WHERE execution_id = %(id)s AND node = ANY(%(nodes)s) ORDER BY node, item, number
"""
# Input and output of the wanted steps in their order, until `budget` bytes are full; at least the first one.
VALUES = """
SELECT input, output FROM (
  SELECT d.input, d.output, wanted.place,
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

    A page also ends when its values reach 8 MB.
    """
    plan = plan_of(connection, execution.version_id)
    every = _in_plan_order(plan, execution.state, _rows(connection, execution.id, None))
    start = next((place + 1 for place, (_, row) in enumerate(every) if row.id == after), 0)
    wanted = every[start : start + limit]
    values = _values(connection, execution.id, [row for _, row in wanted])
    items = _shapes(wanted, _former(connection, execution.id, wanted), values)
    more = start + len(items) < len(every)
    return items, items[-1]["id"] if more and items else None


def one(connection: psycopg.Connection[Any], execution: ExecutionRow, step_id: str) -> dict[str, Any] | None:
    """One step with input, output and attempts; None when the execution has no such step."""
    plan = plan_of(connection, execution.version_id)
    every = _in_plan_order(plan, execution.state, _rows(connection, execution.id, None))
    wanted = [placed for placed in every if placed[1].id == step_id]
    values = _values(connection, execution.id, [row for _, row in wanted])
    return next(iter(_shapes(wanted, _former(connection, execution.id, wanted), values)), None)


def overview(connection: psycopg.Connection[Any], execution: ExecutionRow) -> Changes:
    """Every step without input and output: the snapshot of a stream or a page."""
    horizon = _horizon(connection)
    plan = plan_of(connection, execution.version_id)
    every = _in_plan_order(plan, execution.state, _rows(connection, execution.id, None))
    return Changes(_light(connection, execution.id, every), horizon)


def changed(connection: psycopg.Connection[Any], execution: ExecutionRow, since: int) -> Changes:
    """The steps whose rows changed since the horizon, like `overview`. One may come twice, none is missed."""
    horizon = _horizon(connection)
    plan = plan_of(connection, execution.version_id)
    rows = _rows(connection, execution.id, since)
    known = [(plan.nodes[row.node], row) for row in rows if row.node in plan.nodes]
    return Changes(_light(connection, execution.id, known), horizon)


def _rows(connection: psycopg.Connection[Any], execution_id: UUID, since: int | None) -> list[StepRow]:
    values = {"id": execution_id, "since": None if since is None else str(since)}
    with connection.cursor(row_factory=class_row(StepRow)) as cursor:
        return cursor.execute(ROWS, values).fetchall()


def _horizon(connection: psycopg.Connection[Any]) -> int:
    row = connection.execute(HORIZON).fetchone()
    assert row is not None  # noqa: S101 - a SELECT without FROM has one row
    return int(row[0])


def _in_plan_order(plan: Plan, state: str, rows: Iterable[StepRow]) -> list[Placed]:
    """Each node of the plan with its rows by item, or with a row of our own where nothing has arrived."""
    by_node: defaultdict[str, list[StepRow]] = defaultdict(list)
    for row in rows:
        by_node[row.node].append(row)
    # What nothing reached before the end will never run: `skipped`, or `canceled` with the whole execution.
    rowless = {"success": "skipped", "failed": "skipped", "canceled": "canceled"}.get(state, "pending")
    every: list[Placed] = []
    for node in plan.nodes.values():
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
    return [Values(*found) for found in connection.execute(VALUES, wanted)]


def _former(connection: psycopg.Connection[Any], execution_id: UUID, placed: Sequence[Placed]) -> Former:
    """The superseded attempts of these steps."""
    nodes = {row.node for _, row in placed if row.attempt > 1}
    grouped: Former = {}
    if nodes:
        for node, item, *attempt in connection.execute(ATTEMPTS, {"id": execution_id, "nodes": sorted(nodes)}):
            grouped.setdefault((node, item), []).append(Attempt(*attempt))
    return grouped


def _shapes(placed: Sequence[Placed], former: Former, values: Sequence[Values]) -> list[dict[str, Any]]:
    return [
        step_shape(node, row, former.get((row.node, row.item), ()), read)
        for (node, row), read in zip(placed, values, strict=False)
    ]


def _light(
    connection: psycopg.Connection[Any], execution_id: UUID, placed: Sequence[Placed]
) -> list[tuple[int, dict[str, Any]]]:
    former = _former(connection, execution_id, placed)
    return [(row.tx, step_shape(node, row, former.get((row.node, row.item), ()), None)) for node, row in placed]
