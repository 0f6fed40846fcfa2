"""The ledger: what the calls of models used, written once in the transaction of the outcome that reports it.

Only batches with such outcomes send anything. Their executions are locked, so nobody else writes rows of the same steps.
"""

from collections.abc import Iterable, Sequence

from shared.db.hot import Row, Week, json_rows, key_row
from shared.domain.outcome import Outcome

WRITE_LEDGER = """
WITH written AS (
  INSERT INTO ai_ledger (execution_id, node, item, fence, call, attempt, late, workflow_id, user_id, provider, model,
                         input_tokens, output_tokens, cached_tokens, cost_nano)
  SELECT k.execution_id, k.node, k.item, k.fence, k.call, k.attempt, k.late, e.workflow_id, e.user_id, k.provider,
    k.model, k.input_tokens, k.output_tokens, k.cached_tokens, k.cost_nano
  FROM json_to_recordset(%(calls)s::json)
    AS k(execution_id uuid, node text, item text, fence bigint, call smallint, attempt smallint, late bool,
         provider text, model text, input_tokens bigint, output_tokens bigint, cached_tokens bigint, cost_nano bigint)
  JOIN {executions} e ON e.id = k.execution_id
  ON CONFLICT DO NOTHING
  RETURNING *),
sums AS (
  SELECT execution_id AS id, sum(cost_nano)::bigint AS cost FROM written WHERE NOT late GROUP BY 1),
added AS (
  UPDATE {executions} e SET ai_cost_nano = e.ai_cost_nano + s.cost FROM sums s WHERE e.id = s.id AND s.cost > 0)
INSERT INTO ai_delta (workflow_id, user_id, at, tokens, cost_nano, unpriced)
SELECT workflow_id, user_id, at, coalesce(input_tokens, 0) + coalesce(output_tokens, 0), coalesce(cost_nano, 0),
  (cost_nano IS NULL)::int
FROM written
"""
"""The rows of these calls, their cost in the sums of their executions, and what budgets count. A second time changes nothing.

Comes before the statement that ends an execution, whose row of statistics then has the cost.
"""


def send_calls(week: Week, outcomes: Sequence[Outcome], *, late: Iterable[bool]) -> None:
    """Add what these outcomes used to the next round trip; `late` says of each whether it is stale."""
    rows = [
        row for outcome, stale in zip(outcomes, late, strict=True) if outcome.ai_calls for row in _rows(outcome, stale)
    ]
    if rows:
        week.run(WRITE_LEDGER, {"calls": json_rows(rows)})


def _rows(outcome: Outcome, late: bool) -> list[Row]:  # noqa: FBT001 - a column
    return [
        {
            **key_row(outcome.key),
            "fence": outcome.fence,
            "call": place,
            "attempt": call.attempt,
            "late": late,
            "provider": call.provider,
            "model": call.model,
            "input_tokens": call.input_tokens,
            "output_tokens": call.output_tokens,
            "cached_tokens": call.cached_tokens,
            "cost_nano": call.cost_nano,
        }
        for place, call in enumerate(outcome.ai_calls)
    ]
