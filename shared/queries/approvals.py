"""Approvals as people see them: who may decide what, and what waits for somebody. The same sentence decides both."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

import psycopg
from psycopg.rows import class_row

from shared import ids
from shared.auth.access import Action, Identity, may
from shared.domain.outcome import Key
from shared.queries.shapes import ms, step_id

# Admins; who is named; where nobody is, whoever may run the workflow.
_MAY = """
(%(everything)s OR w.approvers && %(names)s::text[]
  OR (w.approvers IS NULL AND %(runs)s AND (f.owner_id = %(viewer)s OR f.shared)))
"""
OPEN = f"""
SELECT w.id, w.execution_id, w.node, w.item, w.step_name, w.workflow_id, f.name AS workflow_name, w.message, w.approvers,
  w.asked_at, w.expires_at
FROM waits w JOIN workflows f ON f.id = w.workflow_id
WHERE w.closed_at IS NULL AND w.kind = 'approval' AND {_MAY} AND (%(before)s::uuid IS NULL OR w.id < %(before)s::uuid)
ORDER BY w.id DESC LIMIT %(limit)s
"""
"""What this person may decide at this moment, newest first."""

COUNT = f"""
SELECT count(*) FROM (
  SELECT 1 FROM waits w JOIN workflows f ON f.id = w.workflow_id
  WHERE w.closed_at IS NULL AND w.kind = 'approval' AND {_MAY} LIMIT %(limit)s) AS open
"""
"""How many of them there are, counted no further than the limit."""

ONE = f"""
SELECT w.closed_at IS NULL AS open, {_MAY} IS TRUE AS may, w.approvers, u.name AS decided_by,
  w.answer ->> 'decision' AS decision
FROM waits w JOIN workflows f ON f.id = w.workflow_id LEFT JOIN users u ON u.id = w.answered_by
WHERE w.execution_id = %(execution_id)s AND w.node = %(node)s AND w.item = %(item)s AND w.kind = 'approval'
"""
"""One approval, and whether this person may (or might have) decided it."""


class Decider(NamedTuple):
    """A person who may decide: by name, as somebody who may run workflows, or as an admin."""

    user_id: UUID
    everything: bool
    runs: bool
    names: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Open:
    """A row of `OPEN`."""

    id: UUID
    execution_id: UUID
    node: str
    item: str
    step_name: str
    workflow_id: UUID
    workflow_name: str
    message: str
    approvers: list[str] | None
    asked_at: datetime
    expires_at: datetime | None


@dataclass(frozen=True, slots=True)
class Standing:
    """How an approval stands for one person; `decided_by` and `decision` once somebody decided."""

    open: bool
    may: bool
    approvers: list[str] | None
    decided_by: str | None
    decision: str | None


def decider(identity: Identity) -> Decider:
    """What counts of a caller."""
    names = (identity.email.lower(), ids.encode(ids.USER, identity.user_id))
    return Decider(identity.user_id, identity.sees_all, may(identity, Action.EXECUTION_START), names)


def page(connection: psycopg.Connection[Any], who: Decider, *, before: UUID | None, limit: int) -> list[dict[str, Any]]:
    """At most `limit` approvals that wait for this person, older than `before`."""
    with connection.cursor(row_factory=class_row(Open)) as cursor:
        rows = cursor.execute(OPEN, {**_values(who), "before": before, "limit": limit}).fetchall()
    return [_shape(row) for row in rows]


def count(connection: psycopg.Connection[Any], who: Decider, limit: int) -> int:
    """How many approvals wait for this person; never above `limit`."""
    row = connection.execute(COUNT, {**_values(who), "limit": limit}).fetchone()
    return int(row[0]) if row is not None else 0


def standing(connection: psycopg.Connection[Any], key: Key, who: Decider) -> Standing | None:
    """How the approval of this step stands; None if it never asked for one."""
    values = {**_values(who), "execution_id": key[0], "node": key[1], "item": key[2]}
    with connection.cursor(row_factory=class_row(Standing)) as cursor:
        return cursor.execute(ONE, values).fetchone()


def _values(who: Decider) -> dict[str, Any]:
    return {"viewer": who.user_id, "everything": who.everything, "runs": who.runs, "names": list(who.names)}


def _shape(row: Open) -> dict[str, Any]:
    return {
        "id": ids.encode(ids.APPROVAL, row.id),
        "executionId": ids.encode(ids.EXECUTION, row.execution_id),
        "stepId": step_id(row.node, row.item),
        "stepName": row.step_name,
        "workflowId": ids.encode(ids.WORKFLOW, row.workflow_id),
        "workflowName": row.workflow_name,
        "message": row.message,
        "approvers": row.approvers or [],
        "askedAt": ms(row.asked_at),
        "expiresAt": ms(row.expires_at),
    }
