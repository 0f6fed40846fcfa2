"""What waiting steps ask somebody outside: stored with the wait, closed with its end. Sent behind a batch's own writes,
and only by a batch that has to do with it.
"""

from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

import psycopg

from shared.db.hot import Row, Week, json_rows, key_rows, uuid_array
from shared.domain.outcome import CHILD, Key, Kind, Outcome
from shared.domain.planner import Turn
from shared.domain.states import StepState
from shared.nodes.catalogue import node_types

INSERT_ASKS = """
WITH asked AS (
  INSERT INTO waits AS w (execution_id, node, item, kind, workflow_id, step_name, message, approvers, asked_at, expires_at)
  SELECT k.execution_id, k.node, k.item, k.kind, e.workflow_id, k.step_name, k.message, k.approvers, clock_timestamp(),
    s.due_at
  FROM json_to_recordset(%(asks)s::json)
    AS k(execution_id uuid, node text, item text, kind text, step_name text, message text, approvers text[])
  JOIN {executions} e ON e.id = k.execution_id
  JOIN {steps} s ON s.execution_id = k.execution_id AND s.node = k.node AND s.item = k.item AND s.state = 'waiting'
  ON CONFLICT (execution_id, node, item) DO UPDATE SET id = uuid7(), message = excluded.message,
    approvers = excluded.approvers, asked_at = excluded.asked_at, expires_at = excluded.expires_at,
    closed_at = CASE WHEN w.answered_at IS NOT NULL THEN clock_timestamp() END
  RETURNING w.execution_id, w.node, w.item, w.answered_at)
UPDATE {steps} s SET due_at = clock_timestamp() FROM asked a
WHERE a.answered_at IS NOT NULL AND s.execution_id = a.execution_id AND s.node = a.node AND s.item = a.item
"""
"""Store what steps that wait by now ask; one that was answered before it asked is due at once."""

CLOSE_ASKS = """
UPDATE waits w SET closed_at = clock_timestamp() FROM json_to_recordset(%(keys)s::json)
  AS k(execution_id uuid, node text, item text)
WHERE w.execution_id = k.execution_id AND w.node = k.node AND w.item = k.item AND w.closed_at IS NULL
"""
"""The timers of these steps have ended their waits: nobody can answer any more."""

WAKE_CALLERS = """
UPDATE {steps} s SET due_at = clock_timestamp()
FROM json_to_recordset(%(keys)s::json) AS k(execution_id uuid, node text, item text)
WHERE s.execution_id = k.execution_id AND s.node = k.node AND s.item = k.item AND s.state = 'waiting'
  AND (SELECT r.over FROM subruns r WHERE r.execution_id = k.execution_id AND r.node = k.node AND r.item = k.item
       ORDER BY r.child_id DESC LIMIT 1)
"""
"""Steps that wait by now for a child that was over before: due at once."""

FORSAKE_STEPS = """
WITH k AS (SELECT * FROM json_to_recordset(%(keys)s::json) AS k(execution_id uuid, node text, item text)),
closed AS (
  UPDATE waits w SET closed_at = clock_timestamp() FROM k
  WHERE w.execution_id = k.execution_id AND w.node = k.node AND w.item = k.item AND w.closed_at IS NULL)
UPDATE subruns r SET orphaned = true FROM k
WHERE r.execution_id = k.execution_id AND r.node = k.node AND r.item = k.item AND r.waits AND NOT r.over AND NOT r.orphaned
"""
"""These steps were canceled while their executions go on: nobody need answer them, and their children are to be canceled."""

FORSAKE = """
WITH closed AS (
  UPDATE waits SET closed_at = clock_timestamp() WHERE execution_id = ANY(%(ids)s::uuid[]) AND closed_at IS NULL)
UPDATE subruns SET orphaned = true
WHERE execution_id = ANY(%(ids)s::uuid[]) AND waits AND NOT over AND NOT orphaned
"""
"""These executions are being stopped: nobody need answer their steps any more, and their children are to be canceled.

Said again with each outcome of such an execution: a step that ran at the stop may have started a child since.
"""


def send_asks(week: Week, turns: Mapping[UUID, Turn], outcomes: Sequence[Outcome]) -> None:
    """Add what these accepted outcomes change of questions to the round trip; most batches change nothing."""
    asking = [outcome for outcome in outcomes if outcome.ask is not None]
    if asking:
        _send_asking(week, turns, asking)
    expired = [outcome.key for outcome in outcomes if outcome.kind is Kind.DUE and _asks(outcome, turns)]
    if expired:
        week.wire.send(CLOSE_ASKS, {"keys": json_rows(key_rows(expired))})
    forsake_steps(week, [key for id, turn in turns.items() for key in _canceled(id, turn)])
    stopping = [id for id, turn in turns.items() if turn.execution.stopping]
    if stopping:
        week.wire.send(FORSAKE, {"ids": uuid_array(stopping)})


def _send_asking(week: Week, turns: Mapping[UUID, Turn], asking: Sequence[Outcome]) -> None:
    callers = [outcome.key for outcome in asking if outcome.ask == CHILD]
    if callers:
        week.run(WAKE_CALLERS, {"keys": json_rows(key_rows(callers))})
    asked = [_row(outcome, turns) for outcome in asking if outcome.ask != CHILD]
    if asked:
        week.run(INSERT_ASKS, {"asks": json_rows(asked)})


def forsake_steps(week: Week, keys: Sequence[Key]) -> None:
    """Add the same for steps that were canceled while their executions go on."""
    if keys:
        week.wire.send(FORSAKE_STEPS, {"keys": json_rows(key_rows(keys))})


def forsake(connection: psycopg.Connection[Any], execution_id: UUID) -> None:
    """The same for one execution that the caller has locked and stopped."""
    connection.execute(FORSAKE, {"ids": [execution_id]})


def _canceled(id: UUID, turn: Turn) -> list[Key]:
    """The steps of a live execution that this turn canceled one by one; see shared/engine/scopes.py for those in scopes."""
    if turn.execution.stopping:
        return []
    return [(id, *key) for key, row in turn.updated.items() if row.state is StepState.CANCELED]


def _asks(outcome: Outcome, turns: Mapping[UUID, Turn]) -> bool:
    node = turns[outcome.key[0]].plan.nodes[outcome.key[1]]
    return node.body is None and node_types()[node.type].resumed_by == "answer"


def _row(outcome: Outcome, turns: Mapping[UUID, Turn]) -> Row:
    execution_id, node, item = outcome.key
    assert outcome.ask is not None  # noqa: S101 - the caller looked
    return {
        "execution_id": execution_id,
        "node": node,
        "item": item,
        "kind": outcome.ask.kind,
        "step_name": turns[execution_id].plan.nodes[node].name,
        "message": outcome.ask.message,
        "approvers": outcome.ask.approvers or None,
    }
