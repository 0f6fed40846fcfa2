"""Retry an execution by hand: a new one, linked to it, that begins with what the first one has done already."""

from typing import Any, NamedTuple
from uuid import UUID

import psycopg

from shared.broker import StepRef
from shared.db import letters
from shared.db.hot import json_rows
from shared.domain.errors import Conflict, InvalidValue, NotFound
from shared.domain.plan import Plan
from shared.domain.replay import OUTSIDE, Past, Replay, replay, reusable
from shared.domain.states import TERMINAL_EXECUTION, StepState
from shared.domain.values import from_json
from shared.engine.first_input import is_input, read_input
from shared.engine.in_line import get_in_line, queued_reason
from shared.engine.plans import plan_of
from shared.engine.start import Started, ensure_current_weeks
from shared.queries.shapes import parse_step_id

FAILED, START = "failed", "start"

LOCK_FIRST = "SELECT state, workflow_id, version_id, priority FROM executions WHERE id = %s FOR NO KEY UPDATE"
"""The execution to retry. One that is over never changes; its dead letter does, and whoever changes that holds this."""

READ_PAST = """
SELECT node, state, port FROM steps WHERE execution_id = %s AND item = '' ORDER BY completed_at NULLS FIRST, node
"""
"""How its steps outside of loops ended, in that order; copies, which ended in no time of this execution, come first."""

INSERT_RETRY = """
WITH e AS (
  INSERT INTO executions (workflow_id, version_id, user_id, trigger_type, retry_of, on_failure, total_steps, open_steps,
                          steps_resolved, steps_reused, priority, queued_reason)
  VALUES (%(workflow_id)s, %(version_id)s, %(user_id)s, 'retry', %(first)s, %(on_failure)s, %(total_steps)s,
          %(opened)s, %(resolved)s, %(reused)s, %(priority)s, %(queued_reason)s)
  RETURNING id),
r AS (INSERT INTO execution_retries (retry_of, id) SELECT %(first)s, id FROM e),
d AS (  -- its input, or that of the first; and what the copied steps had returned
  INSERT INTO execution_data (execution_id, node, item, input, input_blob, input_preview, output, output_blob,
                              output_preview)
  SELECT e.id, '', '', CASE WHEN %(input)s::json IS NULL THEN f.input ELSE %(input)s::json END,
    CASE WHEN %(input)s::json IS NULL THEN f.input_blob END,
    CASE WHEN %(input)s::json IS NULL THEN f.input_preview END, NULL, NULL, NULL
  FROM e LEFT JOIN execution_data f ON f.execution_id = %(first)s AND f.node = '' AND f.item = ''
  UNION ALL
  SELECT e.id, f.node, f.item, NULL, NULL, NULL, f.output, f.output_blob, f.output_preview
  FROM e CROSS JOIN execution_data f
  WHERE f.execution_id = %(first)s AND f.node = ANY(%(copied)s) AND f.item = ''),
s AS (  -- copies name the execution in which the step really ran
  INSERT INTO steps (execution_id, node, item, state, pool, port, arrived, taken, reused_from, ready_at, due_at,
                     completed_at)
  SELECT e.id, k.node, k.item, k.state, k.pool, k.port, k.arrived, k.taken,
    CASE WHEN k.state = 'success' THEN coalesce(f.reused_from, %(first)s) END,
    CASE WHEN k.state = 'ready' AND %(queued_reason)s::text IS NULL THEN clock_timestamp() END,
    CASE WHEN k.state = 'ready' AND %(queued_reason)s::text IS NULL THEN clock_timestamp() + make_interval(secs => %(republish_s)s) END,
    CASE WHEN k.state IN ('skipped', 'canceled') THEN clock_timestamp() END
  FROM e CROSS JOIN json_to_recordset(%(steps)s::json)
    AS k(node text, item text, state text, pool text, port text, arrived smallint, taken smallint)
  LEFT JOIN steps f ON f.execution_id = %(first)s AND f.node = k.node AND f.item = k.item)
SELECT id FROM e
"""
"""The whole retry in one statement: execution, link, input, copied outputs, and every step that has a row already.

Large values stay the first one's: the copies refer to its blobs, for as long as those are there.
"""


class First(NamedTuple):
    """The execution that is retried; it is over."""

    state: str
    workflow_id: UUID
    version_id: UUID
    priority: int


def retry_execution(
    connection: psycopg.Connection[Any],
    first_id: UUID,
    version_id: UUID,
    *,
    user_id: UUID,
    start_from: str = FAILED,
    input: str | None = None,
    republish_s: float = 5.0,
) -> Started:
    """Insert a queued execution of a version of the same workflow; does not commit, does not publish.

    The dead letter of the first one is closed with it, and names it. With limits of concurrency or rate it waits for its turn like any start. Its priority is the first one's.
    `start_from`: `failed` (whatever did not succeed), `start`, or the id of a node, which runs anew with all behind it.
    `input`: JSON text; None keeps the first one's. Raises NotFound; Conflict for an execution that is not over, did not
    fail, or leaves nothing to run; InvalidValue for an unknown node; InvalidDefinition for a version that cannot run.
    """
    first = lock_first(connection, first_id)
    if start_from == FAILED and first.state == "success":
        raise Conflict(f'This execution succeeded. Retry it with "from": "{START}", or from one of its nodes.')
    plan, past = plan_of(connection, version_id), _past(connection, first_id)
    anew = _anew(plan, start_from)
    new_input = input is not None and not is_input(connection, first_id, input)
    fit = reusable(plan_of(connection, first.version_id), plan, past, anew=anew, new_input=new_input)
    begun = replay(plan, past, fit)
    if not begun.execution.open_steps:
        raise Conflict(
            f'Nothing is left to run: all that it reaches has succeeded before. Name an earlier node, or "from": "{START}".'
        )
    asked = {
        "first": first_id,
        "version_id": version_id,
        "user_id": user_id,
        "input": input,
        "republish_s": republish_s,
    }
    started = _insert(connection, plan, begun, first._asdict() | asked)
    if first.state == "failed":
        letters.close_retried(connection, first_id, started.id, user_id)
    return started


def lock_first(connection: psycopg.Connection[Any], first_id: UUID) -> First:
    """The execution to retry, held until the transaction ends. Raises NotFound, and Conflict if it is not over."""
    row = connection.execute(LOCK_FIRST, (first_id,)).fetchone()
    if row is None:
        raise NotFound("There is no such execution.")
    if row[0] not in TERMINAL_EXECUTION:
        raise Conflict("This execution is not over. Cancel it first, or wait for its end.")
    return First(*row)


def _past(connection: psycopg.Connection[Any], first_id: UUID) -> dict[str, Past]:
    rows = connection.execute(READ_PAST, (first_id,))
    return {node: Past(StepState(state), port) for node, state, port in rows}


def _anew(plan: Plan, start_from: str) -> frozenset[str]:
    """The nodes that must not be copied: of these and of all behind them nothing is reused."""
    if start_from == FAILED:
        return frozenset()
    if start_from == START:
        return frozenset(plan.nodes)
    node, item = parse_step_id(start_from) or (start_from, OUTSIDE)
    if item != OUTSIDE:
        raise InvalidValue(
            "from", "An item of a loop cannot run alone: name the container, which runs again as a whole"
        )
    if node not in plan.nodes:
        raise InvalidValue("from", f"The version to run has no such node: use {FAILED}, {START} or the id of a node")
    return frozenset({node})


def _insert(connection: psycopg.Connection[Any], plan: Plan, begun: Replay, parameters: dict[str, Any]) -> Started:
    steps = [
        {
            "node": row.node,
            "item": row.item,
            "state": row.state.value,
            "pool": plan.nodes[row.node].pool,
            "port": row.port,
            "arrived": row.arrived,
            "taken": row.taken,
        }
        for row in begun.rows.values()
    ]
    ensure_current_weeks(connection)
    inserted = connection.execute(
        INSERT_RETRY,
        {
            **parameters,
            "on_failure": plan.on_failure,
            "queued_reason": queued_reason(plan),
            "total_steps": plan.total_steps,
            "opened": begun.execution.open_steps,
            "resolved": begun.execution.steps_resolved,
            "reused": len(begun.copied),
            "copied": list(begun.copied),
            "steps": json_rows(steps).decode(),
        },
    ).fetchone()
    assert inserted is not None  # noqa: S101 - INSERT … RETURNING has one row
    priority = parameters["priority"]
    if plan.limits:
        # A large input is read only where it says whose turn it is.
        keyed = plan.limits.key is not None
        edited = parameters["input"]
        given = (
            from_json(edited) if edited is not None else read_input(connection, parameters["first"]) if keyed else None
        )
        get_in_line(connection, inserted[0], parameters["workflow_id"], plan.limits, input=given, priority=priority)
        return Started(inserted[0], [], queued_reason(plan))
    ready = [row for row in begun.rows.values() if row.state is StepState.READY]
    pools = [plan.nodes[row.node].pool for row in ready]
    refs = [StepRef(inserted[0], row.node, row.item, pool, priority) for row, pool in zip(ready, pools, strict=True)]
    return Started(inserted[0], refs)
