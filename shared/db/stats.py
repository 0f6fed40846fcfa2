"""The statistics tables: deltas are appended by the transaction that ends an execution, and folded here.

What a reader adds up (folded rows and deltas not yet folded) is exact at any moment, because folding moves rows
in one statement; see shared/queries/stats.py.
"""

from typing import Any

import psycopg

from shared.db.users import ACTIVE
from shared.domain.histogram import BOUNDS

FOLD_LIMIT = 5_000

# Takes the oldest deltas that nobody else is folding and adds them to all three tables at once. Rows are written in
# key order, so that two folders cannot wait for each other. As each end passes here exactly once, the triggers that follow
# it get their firing here.
FOLD = f"""
WITH taken AS (
  DELETE FROM stats_delta WHERE id = ANY (ARRAY(
    SELECT id FROM stats_delta ORDER BY id LIMIT %(limit)s FOR UPDATE SKIP LOCKED))
  RETURNING run_id, workflow_id, user_id, trigger_type, state, completed_at, date_trunc('hour', completed_at, 'UTC') AS hour,
    CASE WHEN state <> 'canceled' THEN duration_ms END AS duration_ms, queue_wait_ms, steps, ai_tokens, api_calls,
    ai_cost_nano
), totals AS (
  INSERT INTO stats_totals AS t
  SELECT workflow_id, user_id, count(*) FILTER (WHERE state = 'success'), count(*) FILTER (WHERE state = 'failed'),
    count(*) FILTER (WHERE state = 'canceled'), coalesce(sum(duration_ms), 0), sum(steps), sum(ai_tokens),
    sum(api_calls), max(completed_at), sum(ai_cost_nano)
  FROM taken GROUP BY workflow_id, user_id ORDER BY workflow_id, user_id
  ON CONFLICT (workflow_id, user_id) DO UPDATE SET
    success = t.success + excluded.success, failed = t.failed + excluded.failed,
    canceled = t.canceled + excluded.canceled, duration_ms = t.duration_ms + excluded.duration_ms,
    steps = t.steps + excluded.steps, ai_tokens = t.ai_tokens + excluded.ai_tokens,
    api_calls = t.api_calls + excluded.api_calls, ai_cost_nano = t.ai_cost_nano + excluded.ai_cost_nano,
    last_completed_at = greatest(t.last_completed_at, excluded.last_completed_at)
), hourly AS (
  INSERT INTO stats_hourly AS t
  SELECT hour, workflow_id, user_id, trigger_type, count(*) FILTER (WHERE state = 'success'),
    count(*) FILTER (WHERE state = 'failed'), count(*) FILTER (WHERE state = 'canceled'),
    coalesce(sum(duration_ms), 0), sum(steps), sum(ai_tokens), sum(api_calls), sum(ai_cost_nano)
  FROM taken GROUP BY hour, workflow_id, user_id, trigger_type ORDER BY hour, workflow_id, user_id, trigger_type
  ON CONFLICT (hour, workflow_id, user_id, trigger_type) DO UPDATE SET
    success = t.success + excluded.success, failed = t.failed + excluded.failed,
    canceled = t.canceled + excluded.canceled, duration_ms = t.duration_ms + excluded.duration_ms,
    steps = t.steps + excluded.steps, ai_tokens = t.ai_tokens + excluded.ai_tokens,
    api_calls = t.api_calls + excluded.api_calls, ai_cost_nano = t.ai_cost_nano + excluded.ai_cost_nano
), measured AS (
  SELECT hour, workflow_id, measure, width_bucket(ms::float8, %(bounds)s::float8[])::smallint AS bucket
  FROM taken CROSS JOIN LATERAL (VALUES ('duration', duration_ms), ('queue_wait', queue_wait_ms)) AS m (measure, ms)
  WHERE ms IS NOT NULL
), histogram AS (
  INSERT INTO stats_histogram AS t
  SELECT hour, workflow_id, measure, bucket, count(*) FROM measured
  GROUP BY hour, workflow_id, measure, bucket ORDER BY workflow_id, measure, hour, bucket
  ON CONFLICT (workflow_id, measure, hour, bucket) DO UPDATE SET count = t.count + excluded.count
), followed AS (
  INSERT INTO trigger_fires (trigger_id, fire_at, source_id, cause, outcome)
  SELECT f.trigger_id, e.completed_at, e.run_id, 'execution', 'waiting'
  FROM taken e JOIN follows f ON f.workflow_id = e.workflow_id AND e.state = ANY(f.ends)
  JOIN triggers t ON t.id = f.trigger_id AND t.removed_at IS NULL AND t.paused_at IS NULL
  JOIN workflows w ON w.id = t.workflow_id AND w.enabled AND w.archived_at IS NULL
  JOIN users u ON u.id = w.owner_id AND {ACTIVE}
  WHERE e.run_id IS NOT NULL
  ON CONFLICT DO NOTHING
)
SELECT count(*) FROM taken
"""


def fold(connection: psycopg.Connection[Any], *, limit: int = FOLD_LIMIT) -> int:
    """Fold up to `limit` deltas into totals, hours and histograms; returns how many. No commit."""
    row = connection.execute(FOLD, {"limit": limit, "bounds": list(BOUNDS)}).fetchone()
    return int(row[0]) if row is not None else 0
