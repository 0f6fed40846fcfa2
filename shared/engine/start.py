"""Accept an execution: its row, its input and its root steps, in the caller's transaction."""

import json
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Any
from uuid import UUID

import psycopg

from shared.broker import StepRef
from shared.db.partitions import ensure_week, monday
from shared.db.wire import wire_of
from shared.domain.errors import InvalidDefinition, Problem
from shared.domain.payload import Ref
from shared.domain.values import to_json
from shared.engine.in_line import get_in_line, queued_reason
from shared.engine.large_input import Offload
from shared.engine.plans import plan_of

MAX_DEPTH = 10
"""How deep executions may lead to executions: a step runs a workflow, a failure is followed by one."""

INSERT_EXECUTION = """
WITH e AS (
  INSERT INTO executions (id, workflow_id, version_id, user_id, trigger_type, trigger_id, parent_id, on_failure, total_steps,
                          open_steps, priority, queued_reason, depth, awaited)
  VALUES (%(id)s, %(workflow_id)s, %(version_id)s, %(user_id)s, %(trigger_type)s, %(trigger_id)s, %(parent_id)s,
          %(on_failure)s, %(total_steps)s, %(root_count)s, %(priority)s, %(queued_reason)s, %(depth)s, %(awaited)s)
  RETURNING id),
d AS (INSERT INTO execution_data (execution_id, node, input) SELECT id, '', %(input)s::json FROM e)
INSERT INTO steps (execution_id, node, state, pool, ready_at, due_at)
SELECT e.id, k.node, 'ready', k.pool, CASE WHEN %(queued_reason)s::text IS NULL THEN clock_timestamp() END,
  CASE WHEN %(queued_reason)s::text IS NULL THEN clock_timestamp() + make_interval(secs => %(republish_s)s) END
FROM e, json_to_recordset(%(first_steps)s::json) AS k(node text, pool text)
"""
"""The whole start in one statement: execution, input, root steps (nobody looks at them while it waits for its turn)."""


@dataclass(frozen=True, slots=True)
class Started:
    """An accepted execution, and the steps to publish once the caller has committed (none while it waits for its turn)."""

    id: UUID
    ready: list[StepRef]
    queued_reason: str | None = None
    """Why it waits."""
    input: Ref | None = None
    """Where the input is, if it was too large for its row."""


def start_execution(
    connection: psycopg.Connection[Any],
    *,
    workflow_id: UUID,
    version_id: UUID,
    user_id: UUID,
    input: Any,
    trigger_type: str,
    execution_id: UUID | None = None,
    trigger_id: UUID | None = None,
    failure_of: UUID | None = None,
    called_by: UUID | None = None,
    depth: int = 0,
    awaited: bool = False,
    priority: int = 1,
    max_input_bytes: int = 2_000_000,
    offload: Offload | None = None,
    republish_s: float = 5.0,
    later: bool = False,
) -> Started:
    """Insert a queued execution of a version; does not commit, does not publish.

    `execution_id`: what `uuid7()` gave in the same database; without it, one is asked for. `later`: the INSERT may wait for
    the next round trip of the connection's wire, which the caller makes.
    A workflow with limits of concurrency or rate: the execution waits until clockwork admits it, and nothing is ready.
    `offload` is where a large input goes, in the same transaction. `priority`: 0 low, 1 normal, 2 high.
    `failure_of`: the failed execution that it follows. Its own failure then starts nothing more. `called_by`: the execution
    whose step started it; `awaited`: and waits for its end. `depth`: how many executions led to it.
    Raises InvalidValue for an input that cannot be stored, InvalidDefinition for a version that cannot run.
    """
    ensure_current_weeks(connection)
    plan = plan_of(connection, version_id)
    raw = to_json(input, max_bytes=max_input_bytes)
    large = offload is not None and len(raw) > offload.above
    if not plan.roots:
        raise InvalidDefinition([Problem("containers", "There is no node to run; add one.")])
    execution_id = execution_id or _new_id(connection)
    pools = [plan.nodes[root].pool for root in plan.roots]
    parameters: dict[str, Any] = {
        "id": execution_id,
        "workflow_id": workflow_id,
        "version_id": version_id,
        "user_id": user_id,
        "trigger_type": trigger_type,
        "trigger_id": trigger_id,
        "parent_id": failure_of or called_by,
        "on_failure": plan.on_failure if failure_of is None else None,
        "depth": depth,
        "awaited": awaited,
        "total_steps": plan.total_steps,
        "root_count": len(plan.roots),
        "priority": priority,
        "queued_reason": queued_reason(plan),
        "input": None if large else raw.decode(),
        "first_steps": json.dumps([{"node": root, "pool": pool} for root, pool in zip(plan.roots, pools, strict=True)]),
        "republish_s": republish_s,
    }
    wire = wire_of(connection)
    wire.send(INSERT_EXECUTION, parameters)
    if not later or large or plan.limits:
        wire.round_trip()
    stored = offload.put(connection, execution_id, raw) if offload is not None and large else None
    if plan.limits:
        get_in_line(connection, execution_id, workflow_id, plan.limits, input=input, priority=priority)
        return Started(execution_id, [], parameters["queued_reason"], stored)
    refs = zip(plan.roots, pools, strict=True)
    return Started(execution_id, [StepRef(execution_id, root, "", pool, priority) for root, pool in refs], input=stored)


def _new_id(connection: psycopg.Connection[Any]) -> UUID:
    row = connection.execute("SELECT uuid7()").fetchone()
    assert row is not None  # noqa: S101 - a SELECT without FROM has one row
    execution_id: UUID = row[0]
    return execution_id


def ensure_current_weeks(connection: psycopg.Connection[Any]) -> None:
    """Clockwork makes partitions weeks ahead; if it was down for that long, a start makes this week's and the next one's.

    Looked up once per week, database and process, so it costs a start nothing.
    """
    week = monday(datetime.now(UTC))
    known = (connection.info.host, connection.info.port, connection.info.dbname, week)
    if known in _weeks_seen():
        return
    made = [table for each in (week, week + timedelta(weeks=1)) for table in ensure_week(connection, each)]
    if not made:
        # What this transaction makes may still be rolled back.
        _weeks_seen().add(known)


@lru_cache(maxsize=1)
def _weeks_seen() -> set[tuple[str, int, str, datetime]]:
    return set()
