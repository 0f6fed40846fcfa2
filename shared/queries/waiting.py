"""What the waiting steps of one execution wait for, and which executions its steps started."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

import psycopg

from shared import ids
from shared.domain.turn import StepKey
from shared.queries.shapes import ms

WAITING = """
SELECT w.node, w.item, w.kind, w.message, w.approvers, w.expires_at
FROM unnest(%(nodes)s::text[], %(items)s::text[]) AS k (node, item)
JOIN waits w ON w.execution_id = %(id)s AND w.node = k.node AND w.item = k.item
WHERE w.closed_at IS NULL
"""
"""Open questions of some steps."""

CHILDREN = """
SELECT DISTINCT ON (r.node, r.item) r.node, r.item, r.child_id, r.waits AND NOT r.over
FROM unnest(%(nodes)s::text[], %(items)s::text[]) AS k (node, item)
JOIN subruns r ON r.execution_id = %(id)s AND r.node = k.node AND r.item = k.item
ORDER BY r.node, r.item, r.child_id DESC
"""
"""The execution that each step started last, and whether it waits for it."""

Beside = dict[StepKey, dict[str, Any]]
"""More fields of steps, by (node, item)."""


def waiting_for(connection: psycopg.Connection[Any], execution_id: UUID, steps: Sequence[StepKey]) -> Beside:
    """`waitingFor` of each step that asks somebody outside: its `type`, what is asked, and until when."""
    found: Beside = {}
    for node, item, kind, message, approvers, expires_at in connection.execute(WAITING, _keys(execution_id, steps)):
        shape: dict[str, Any] = {"type": kind, "expiresAt": ms(expires_at)}
        if kind == "approval":
            shape |= {"message": message, "approvers": approvers or []}
        found[node, item] = {"waitingFor": shape}
    return found


def children_of(connection: psycopg.Connection[Any], execution_id: UUID, steps: Sequence[StepKey]) -> Beside:
    """`childId` of each step that started an execution, and `waitingFor` while it waits for that."""
    found: Beside = {}
    for node, item, child_id, waits in connection.execute(CHILDREN, _keys(execution_id, steps)):
        public = ids.encode(ids.EXECUTION, child_id)
        found[node, item] = {"childId": public}
        if waits:
            found[node, item]["waitingFor"] = {"type": "workflow", "executionId": public, "expiresAt": None}
    return found


def _keys(execution_id: UUID, steps: Sequence[StepKey]) -> dict[str, Any]:
    return {"id": execution_id, "nodes": [node for node, _ in steps], "items": [item for _, item in steps]}
