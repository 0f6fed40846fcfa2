"""Outcomes of steps that nothing else of their run goes on beside: decided before the lock, in one round trip.

The claim of such a step read its execution. Whoever changes a running step counts the execution's `revision` up, so an
execution that still has the revision of the claim is as the claim saw it, and the write itself checks that. Where it is
not, nothing was written, and the outcome takes its locks first as all others do.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import psycopg

from shared.db import hot
from shared.db.hot import Row, Week, json_rows, key_row
from shared.db.wire import Answer
from shared.domain.outcome import Kind, Outcome
from shared.domain.planner import ExecutionRow, StepRow, Turn
from shared.domain.states import TERMINAL_EXECUTION, ExecutionState, StepState
from shared.engine import writes
from shared.engine.known import Alone, recall
from shared.engine.plans import plan_of
from shared.engine.requests import Completed

END_ALONE = (
    """
WITH ended AS (
  SELECT * FROM json_to_recordset(%(ended)s::json)
    AS k(execution_id uuid, node text, item text, fence bigint, revision int, port text, ai_tokens bigint,
         api_calls int, state text, open_steps int, steps_resolved int)
  ORDER BY execution_id),
advanced AS (
  UPDATE {executions} e SET state = k.state, open_steps = k.open_steps, steps_executed = e.steps_executed + 1,
    steps_resolved = k.steps_resolved, ai_tokens = e.ai_tokens + k.ai_tokens, api_calls = e.api_calls + k.api_calls,
    revision = e.revision + 1, completed_at = CASE WHEN k.state = 'success' THEN clock_timestamp() END
  FROM ended k
  WHERE e.id = k.execution_id AND e.revision = k.revision AND k.fence = (
    SELECT s.fence FROM {steps} s
    WHERE s.execution_id = k.execution_id AND s.node = k.node AND s.item = k.item AND s.state = 'running')
  RETURNING e.*),
changed AS (
  UPDATE {steps} s SET state = 'success', port = k.port, error_code = NULL, ai_tokens = k.ai_tokens,
    api_calls = k.api_calls, tx = pg_current_xact_id(), republished = 0, lease_until = NULL, due_at = NULL,
    completed_at = clock_timestamp()
  FROM ended k JOIN advanced a ON a.id = k.execution_id
  WHERE s.execution_id = k.execution_id AND s.node = k.node AND s.item = k.item),
added AS ("""
    + hot.INSERT_STEPS
    + """
  WHERE EXISTS (SELECT FROM advanced a WHERE a.id = k.execution_id)),
stored AS ("""
    + hot.INSERT_DATA
    + """
  WHERE EXISTS (SELECT FROM advanced a WHERE a.id = k.execution_id)),
counted AS ("""
    + hot.APPEND_STATS
    + """FROM advanced WHERE completed_at IS NOT NULL)
SELECT id FROM advanced
"""
)
"""All that these outcomes change, of the executions that are still as their claims saw them; returns those.

Executions first, by id, and their steps after them: the step is looked at before the execution is locked, but nobody
changes it without counting the revision up, which is looked at again under the lock.
"""


@dataclass(frozen=True, slots=True)
class Ending:
    """Outcomes on their way: what the planner made of each, and after the round trip which of them were written."""

    turns: dict[UUID, Turn]
    priorities: dict[UUID, int]
    written: Answer

    def completed(self) -> dict[UUID, Completed]:
        """The answers to those that were written, by execution."""
        return {id: self._completed(id, self.turns[id]) for (id,) in self.written.rows}

    def ended(self) -> dict[UUID, str]:
        """Executions that are over by this, with their final state."""
        states = {id: self.turns[id].execution.state for (id,) in self.written.rows}
        return {id: state for id, state in states.items() if state in TERMINAL_EXECUTION}

    def _completed(self, id: UUID, turn: Turn) -> Completed:
        (step,) = turn.updated
        return Completed((id, *step), accepted=True, ready=writes.ready(id, turn, self.priorities[id]))


def send_ending(
    connection: psycopg.Connection[Any], week: Week, outcomes: Sequence[Outcome], republish_s: float
) -> Ending | None:
    """Add these outcomes to the next round trip; None where one of them must be decided under its locks."""
    seen = {outcome.key[0]: alone for outcome in outcomes if (alone := _alone(outcome)) is not None}
    if len(seen) < len(outcomes):
        return None
    turns = {outcome.key[0]: _turn(connection, outcome, *seen[outcome.key[0]]) for outcome in outcomes}
    rows = writes.step_rows(turns, outcomes)
    if rows["referring"]:
        return None
    ended = [_ended(outcome, turns[outcome.key[0]].execution, seen[outcome.key[0]][1]) for outcome in outcomes]
    sent = {"ended": ended, "added": rows["added"], "stored": rows["stored"]}
    parameters = {"republish_s": republish_s} | {name: json_rows(values) for name, values in sent.items()}
    return Ending(turns, {id: alone.priority for id, (_, alone) in seen.items()}, week.run(END_ALONE, parameters))


def _alone(outcome: Outcome) -> tuple[UUID, Alone] | None:
    """The version of the execution and how its claim saw it, where this outcome ends its only open step and nothing else."""
    known = recall(outcome.key[0])
    if known is None or known.alone is None or known.alone.fence != outcome.fence:
        return None
    plain = outcome.kind is Kind.DONE and not outcome.touches and not outcome.ai_calls
    return (known.version_id, known.alone) if plain else None


def _turn(connection: psycopg.Connection[Any], outcome: Outcome, version_id: UUID, alone: Alone) -> Turn:
    """What follows; counters of what was used are added up by the statement."""
    execution = ExecutionRow(ExecutionState.RUNNING, stopping=None, open_steps=1)
    execution.steps_resolved, execution.total_steps = alone.steps_resolved, alone.total_steps
    _, node, item = outcome.key
    turn = Turn(plan_of(connection, version_id), execution, {(node, item): StepRow(node, item, StepState.RUNNING)})
    turn.apply([outcome])
    turn.settle()
    return turn


def _ended(outcome: Outcome, execution: ExecutionRow, alone: Alone) -> Row:
    return {
        **key_row(outcome.key),
        "fence": outcome.fence,
        "revision": alone.revision,
        "port": outcome.port,
        "ai_tokens": outcome.ai_tokens,
        "api_calls": outcome.api_calls,
        "state": execution.state.value,
        "open_steps": execution.open_steps,
        "steps_resolved": execution.steps_resolved,
    }
