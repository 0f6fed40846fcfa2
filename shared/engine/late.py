"""What an attempt used although its step was canceled under it while the run went on: counted once, when its worker says so.

Such a step keeps its `lease_until`: its worker has not said yet what it used. Whoever counts it takes the mark away.
"""

from collections.abc import Sequence

from shared.db.hot import Row, Week, json_rows, key_row, key_rows
from shared.domain.outcome import Key, Outcome

MARK_RUNNING = """
UPDATE {steps} s SET lease_until = clock_timestamp() FROM json_to_recordset(%(keys)s::json)
  AS k(execution_id uuid, node text, item text)
WHERE s.execution_id = k.execution_id AND s.node = k.node AND s.item = k.item AND s.state = 'canceled'
"""
"""These steps ran when they were canceled in this transaction. Those inside scopes keep their lease anyway."""

COUNT_USED = """
WITH counted AS (
  UPDATE {steps} s SET ai_tokens = k.ai_tokens, api_calls = k.api_calls, lease_until = NULL, tx = pg_current_xact_id()
  FROM json_to_recordset(%(used)s::json)
    AS k(execution_id uuid, node text, item text, fence bigint, ai_tokens bigint, api_calls int, ai_cost_nano bigint)
  WHERE s.execution_id = k.execution_id AND s.node = k.node AND s.item = k.item
    AND s.state = 'canceled' AND s.fence = k.fence AND s.lease_until IS NOT NULL
  RETURNING s.execution_id, k.ai_tokens, k.api_calls, k.ai_cost_nano),
sums AS (
  SELECT execution_id AS id, sum(ai_tokens)::bigint AS tokens, sum(api_calls)::int AS calls,
    sum(ai_cost_nano)::bigint AS cost FROM counted GROUP BY 1),
added AS (
  UPDATE {executions} e SET ai_tokens = e.ai_tokens + u.tokens, api_calls = e.api_calls + u.calls,
    revision = e.revision + 1, awaited = e.awaited
      OR (e.completed_at IS NOT NULL AND EXISTS (SELECT FROM subruns r WHERE r.child_id = e.id AND r.waits))
  FROM sums u WHERE e.id = u.id
  RETURNING e.workflow_id, e.user_id, e.trigger_type, e.completed_at, u.tokens, u.calls, u.cost)
INSERT INTO stats_delta (workflow_id, user_id, trigger_type, state, completed_at, duration_ms, queue_wait_ms, steps,
                         ai_tokens, api_calls, ai_cost_nano)
SELECT workflow_id, user_id, trigger_type, 'late', completed_at, NULL, NULL, 0, tokens, calls, cost
FROM added WHERE completed_at IS NOT NULL
"""
"""Add what these attempts used to their steps, their executions, and to the statistics of those that are over by now (a
row of state `late` counts as no execution). The parent of such a child hears of it again. A second time changes nothing.

The cost is in the execution already (shared/engine/ledger.py).
"""


def mark_running(week: Week, keys: Sequence[Key]) -> None:
    """Add to the next round trip that these steps, which were just canceled, were running."""
    if keys:
        week.run(MARK_RUNNING, {"keys": json_rows(key_rows(keys))})


def send_late(week: Week, outcomes: Sequence[Outcome]) -> None:
    """Add what these outcomes used, of steps that were canceled under them; their executions are locked."""
    used = [_used(outcome) for outcome in outcomes if outcome.ai_tokens or outcome.api_calls]
    if used:
        week.run(COUNT_USED, {"used": json_rows(used)})


def _used(outcome: Outcome) -> Row:
    return {
        **key_row(outcome.key),
        "fence": outcome.fence,
        "ai_tokens": outcome.ai_tokens,
        "api_calls": outcome.api_calls,
        "ai_cost_nano": sum(call.cost_nano or 0 for call in outcome.ai_calls),
    }
