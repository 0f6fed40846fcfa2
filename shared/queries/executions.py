"""Executions as records: one, or many by id. Every statement is bound to the partitions of its ids."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

import psycopg
from psycopg.rows import class_row

from shared import ids
from shared.domain.ai_call import to_usd
from shared.domain.payload import Ref, parse_ref
from shared.domain.states import TERMINAL_EXECUTION
from shared.engine.plans import plan_of
from shared.queries.shapes import Viewer, ms, ref_shape, span_ms, step_id, value_url

LIVE_STATES = ("queued", "running", "waiting")
TERMINAL_STATES = frozenset(state.value for state in TERMINAL_EXECUTION)

# The only place that reads an execution for people. `low` and `high` are the bounds of the ids: they pick partitions.
RECORDS = """
SELECT e.id, e.workflow_id, w.name AS workflow_name, e.version_id, v.number AS version, e.user_id, u.name AS user_name,
  e.state, e.stopping, e.queued_reason, e.started_at, e.completed_at, e.stop_requested_at,
  e.total_steps, e.steps_executed, e.steps_resolved, e.steps_reused, e.ai_tokens, e.api_calls, e.revision,
  e.child_ai_tokens, e.child_api_calls, e.ai_cost_nano, e.child_ai_cost_nano,
  e.trigger_type, e.trigger_id, t.key AS trigger_key, t.name AS trigger_name, e.parent_id, r.node AS parent_node, r.item AS parent_item,
  e.retry_of, e.failed_node, d.error
FROM executions e
JOIN workflows w ON w.id = e.workflow_id
JOIN users u ON u.id = e.user_id
JOIN workflow_versions v ON v.id = e.version_id
LEFT JOIN triggers t ON t.id = e.trigger_id
LEFT JOIN subruns r ON r.child_id = e.id AND e.parent_id IS NOT NULL
LEFT JOIN execution_data d ON d.execution_id = e.id AND d.execution_id BETWEEN %(low)s AND %(high)s
  AND e.state = 'failed' AND d.node = coalesce(e.failed_node, '') AND d.item = coalesce(e.failed_item, '')
WHERE e.id = ANY(%(ids)s) AND e.id BETWEEN %(low)s AND %(high)s
  AND (%(everything)s OR e.user_id = %(viewer)s OR w.owner_id = %(viewer)s OR w.shared)
ORDER BY e.id DESC
"""
INPUT = """
SELECT input, input_blob, input_preview FROM execution_data WHERE execution_id = %s AND node = '' AND item = ''
"""
OUTPUTS = """
SELECT s.node, d.output, d.output_blob, d.output_preview FROM steps s
JOIN execution_data d ON d.execution_id = s.execution_id AND d.node = s.node AND d.item = s.item
WHERE s.execution_id = %(id)s AND d.execution_id = %(id)s
  AND s.node = ANY(%(ends)s) AND s.item = '' AND (s.state = 'success' OR d.output IS NOT NULL OR d.output_blob IS NOT NULL)
"""

RETRIES = "SELECT id FROM execution_retries WHERE retry_of = %s ORDER BY id DESC LIMIT %s"
"""The newest retries of an execution."""
MOST_RETRIES = 50


@dataclass(frozen=True, slots=True)
class ExecutionRow:
    """What `RECORDS` selects; with the defaults, an execution that was accepted just now."""

    id: UUID
    workflow_id: UUID
    workflow_name: str
    version_id: UUID
    version: int | None
    user_id: UUID
    user_name: str
    trigger_type: str
    total_steps: int
    state: str = "queued"
    stopping: str | None = None
    queued_reason: str | None = None
    started_at: datetime | None = None
    completed_at: datetime | None = None
    stop_requested_at: datetime | None = None
    steps_executed: int = 0
    steps_resolved: int = 0
    steps_reused: int = 0
    ai_tokens: int = 0
    api_calls: int = 0
    child_ai_tokens: int = 0
    child_api_calls: int = 0
    ai_cost_nano: int = 0
    child_ai_cost_nano: int = 0
    revision: int = 0
    trigger_id: UUID | None = None
    trigger_key: str | None = None
    trigger_name: str | None = None
    parent_id: UUID | None = None
    parent_node: str | None = None
    parent_item: str | None = None
    retry_of: UUID | None = None
    failed_node: str | None = None
    error: dict[str, Any] | None = None

    @property
    def created_ms(self) -> int:
        """When it was accepted, ms since the epoch: the first 48 bits of its id."""
        return self.id.int >> 80

    @property
    def status(self) -> str:
        """The API's status: the state, or `canceling` while a cancel is under way."""
        return "canceling" if self.stopping == "cancel" and self.state in LIVE_STATES else self.state

    @property
    def terminal(self) -> bool:
        """Whether it is over for good."""
        return self.state in TERMINAL_STATES


def rows(connection: psycopg.Connection[Any], execution_ids: Sequence[UUID], viewer: Viewer) -> list[ExecutionRow]:
    """Those of the executions that exist and that the viewer may see, newest first."""
    if not execution_ids:
        return []
    values = {
        "ids": list(execution_ids),
        "low": min(execution_ids),
        "high": max(execution_ids),
        "viewer": viewer.user_id,
        "everything": viewer.everything,
    }
    with connection.cursor(row_factory=class_row(ExecutionRow)) as cursor:
        return cursor.execute(RECORDS, values).fetchall()


def row(connection: psycopg.Connection[Any], execution_id: UUID, viewer: Viewer) -> ExecutionRow | None:
    """The execution if it exists and the viewer may see it."""
    found = rows(connection, [execution_id], viewer)
    return found[0] if found else None


def record(connection: psycopg.Connection[Any], found: ExecutionRow) -> dict[str, Any]:
    """The execution record of the API, without input and output."""
    started = ms(found.started_at)
    shape = {
        "id": ids.encode(ids.EXECUTION, found.id),
        "workflowId": ids.encode(ids.WORKFLOW, found.workflow_id),
        "workflowName": found.workflow_name,
        "version": found.version if found.version is not None else "draft",
        "userId": ids.encode(ids.USER, found.user_id),
        "userName": found.user_name,
        "status": found.status,
        "createdAt": found.created_ms,
        "startedAt": started,
        "completedAt": ms(found.completed_at),
        "duration": span_ms(found.started_at, found.completed_at),
        "queueWait": None if started is None else max(0, started - found.created_ms),
        "triggerType": found.trigger_type,
        "stepsExecuted": found.steps_executed,
        "stepsResolved": found.steps_resolved,
        "stepsReused": found.steps_reused,
        "totalSteps": found.total_steps,
        "aiTokensUsed": found.ai_tokens + found.child_ai_tokens,
        "aiCostUsd": to_usd(found.ai_cost_nano + found.child_ai_cost_nano),
        "apiCallsMade": found.api_calls + found.child_api_calls,
        "revision": found.revision,
    }
    return shape | _trigger(found) | _sometimes(connection, found)


def detail(connection: psycopg.Connection[Any], found: ExecutionRow) -> dict[str, Any]:
    """The record with `input`, with `output` once it succeeded, and with the ids of its newest 50 `retries`.

    `inputRef`, `outputRef` say where a large one is.
    """
    shape = record(connection, found)
    value, blob, preview = connection.execute(INPUT, (found.id,)).fetchone() or (None, None, None)
    shape |= input_shape(found.id, value, parse_ref(blob, preview))
    if found.state == "success":
        shape |= _output(connection, found)
    if again := retries(connection, found.id):
        shape["retries"] = [ids.encode(ids.EXECUTION, each) for each in again]
    return shape


def retries(connection: psycopg.Connection[Any], execution_id: UUID) -> list[UUID]:
    """The executions that retried this one, newest first, at most 50."""
    return [row[0] for row in connection.execute(RETRIES, (execution_id, MOST_RETRIES))]


def input_shape(execution_id: UUID, value: Any, stored: Ref | None) -> dict[str, Any]:
    """`input`, or where it is."""
    if stored is None:
        return {"input": value}
    return {"input": None, "inputRef": ref_shape(stored, value_url(execution_id, "input"))}


def ends_of(connection: psycopg.Connection[Any], found: ExecutionRow) -> list[str]:
    """The nodes whose outputs make that of the run, in the order of the definition."""
    return list(plan_of(connection, found.version_id).ends)


def _trigger(found: ExecutionRow) -> dict[str, Any]:
    """Which trigger started it."""
    if found.trigger_id is None:
        return {}
    public = ids.encode(ids.TRIGGER, found.trigger_id)
    return {"triggerId": public, "triggerKey": found.trigger_key, "triggerName": found.trigger_name}


def _sometimes(connection: psycopg.Connection[Any], found: ExecutionRow) -> dict[str, Any]:
    """The fields that only some records have."""
    shape: dict[str, Any] = {}
    if found.stopping == "fail" and not found.terminal:
        shape["stopping"] = "fail"
    if found.stop_requested_at is not None and found.stopping == "cancel":
        shape["cancelRequestedAt"] = ms(found.stop_requested_at)
        if found.completed_at is not None:
            shape["timeToStop"] = span_ms(found.stop_requested_at, found.completed_at)
    if found.queued_reason is not None and found.state == "queued":
        shape["queuedReason"] = found.queued_reason
    for name, other in (("parentId", found.parent_id), ("retryOf", found.retry_of)):
        if other is not None:
            shape[name] = ids.encode(ids.EXECUTION, other)
    if found.parent_node is not None:
        shape["parentStepId"] = step_id(found.parent_node, found.parent_item or "")
    if found.state == "failed":
        shape["error"] = _error(connection, found)
    return shape | _of_children(found)


def _of_children(found: ExecutionRow) -> dict[str, Any]:
    """What the runs used that it waited for."""
    shape: dict[str, Any] = {}
    if found.child_ai_tokens or found.child_api_calls:
        shape |= {"childAiTokensUsed": found.child_ai_tokens, "childApiCallsMade": found.child_api_calls}
    if found.child_ai_cost_nano:
        shape["childAiCostUsd"] = to_usd(found.child_ai_cost_nano)
    return shape


def _error(connection: psycopg.Connection[Any], found: ExecutionRow) -> dict[str, Any]:
    error = found.error or {}
    shape = {"message": error.get("message", "The execution failed."), "code": error.get("code", "FAILED")}
    if found.failed_node is not None:
        node = plan_of(connection, found.version_id).nodes.get(found.failed_node)
        shape |= {"step": node.name if node is not None else found.failed_node, "nodeId": found.failed_node}
    return shape


def _output(connection: psycopg.Connection[Any], found: ExecutionRow) -> dict[str, Any]:
    """The output of the one end that succeeded, or of several by node id; None when there is none.

    Where a part of it is large, all of it is at `outputRef`; the preview is that of the first such part.
    """
    ends = ends_of(connection, found)
    rows = connection.execute(OUTPUTS, {"id": found.id, "ends": ends}).fetchall()
    refs = [ref for *_, blob, preview in rows if (ref := parse_ref(blob, preview)) is not None]
    url = value_url(found.id, "output")
    if len(rows) == 1:
        return {"output": None, "outputRef": ref_shape(refs[0], url)} if refs else {"output": rows[0][1]}
    outputs = {row[0]: row[1] for row in rows}
    if refs:
        shape = ref_shape(refs[0], url) | {"size": None, "sha256": None}
        return {"output": None, "outputRef": shape}
    return {"output": {node: outputs[node] for node in ends if node in outputs} or None}
