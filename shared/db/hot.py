"""The statements of the hot path. Each carries `BETWEEN lo AND hi` of its batch's execution ids: Postgres then opens
one partition, not all of them. Parameters are arrays, one entry a row.
"""

LOCK_EXECUTIONS = """
SELECT id, workflow_id, version_id, state, stopping, open_steps, waiting_steps, steps_executed, steps_resolved,
       ai_tokens, api_calls, failed_node, failed_item, true AS locked
FROM executions
WHERE id = ANY(%(ids)s) AND id BETWEEN %(lo)s AND %(hi)s AND (id = ANY(%(all)s) OR state = 'queued')
ORDER BY id FOR NO KEY UPDATE
"""
"""Take the executions in id order: all of `all`, and of `ids` those that a claim will start. First lock of every batch."""

READ_EXECUTIONS = """
SELECT id, workflow_id, version_id, state, stopping, open_steps, waiting_steps, steps_executed, steps_resolved,
       ai_tokens, api_calls, failed_node, failed_item, false AS locked
FROM executions WHERE id = ANY(%(ids)s) AND id BETWEEN %(lo)s AND %(hi)s
"""
"""The executions of claims, unlocked: a cancel that commits meanwhile has canceled the ready step, so the claim finds none."""

LOCK_STEPS = """
SELECT s.execution_id, s.node, s.item, s.state, s.fence, s.attempt, s.failures, s.lost, s.arrived, s.taken, s.resumed,
       s.lease_until < clock_timestamp(), s.due_at <= clock_timestamp(),
       extract(epoch FROM clock_timestamp() - s.ready_at)::float8
FROM unnest(%(ids)s::uuid[], %(nodes)s::text[], %(items)s::text[]) AS k(execution_id, node, item)
JOIN steps s ON s.execution_id = k.execution_id AND s.node = k.node AND s.item = k.item
WHERE s.execution_id BETWEEN %(lo)s AND %(hi)s
ORDER BY s.execution_id, s.node, s.item FOR UPDATE OF s
"""
"""Take the steps of the batch, and the joins they may touch, in key order; after the executions."""

CLAIM_STEPS = """
UPDATE steps s SET state = 'running', attempt = s.attempt + 1, fence = k.fence, worker = %(worker)s,
  started_at = clock_timestamp(), lease_until = clock_timestamp() + make_interval(secs => %(lease_s)s),
  deadline_at = clock_timestamp() + make_interval(secs => k.timeout_s), tx = pg_current_xact_id()
FROM unnest(%(ids)s::uuid[], %(nodes)s::text[], %(items)s::text[], %(fences)s::bigint[], %(timeouts)s::float8[])
  AS k(execution_id, node, item, fence, timeout_s)
WHERE s.execution_id = k.execution_id AND s.node = k.node AND s.item = k.item AND s.state = 'ready'
  AND s.execution_id BETWEEN %(lo)s AND %(hi)s
"""
"""ready → running under a fresh fence. `due_at` stays: no indexed column changes, so the update is HOT."""

START_EXECUTIONS = """
UPDATE executions SET state = 'running', started_at = clock_timestamp(), revision = revision + 1
WHERE id = ANY(%(ids)s) AND id BETWEEN %(lo)s AND %(hi)s AND state = 'queued'
"""
"""The first claim of an execution starts it."""

KEEP_ATTEMPTS = """
INSERT INTO step_attempts (execution_id, node, item, number, state, worker, ready_at, started_at, completed_at,
                           ai_tokens, api_calls, error)
SELECT s.execution_id, s.node, s.item, s.attempt, 'failed', s.worker, s.ready_at, s.started_at, clock_timestamp(),
       k.ai_tokens, k.api_calls, k.error::json
FROM unnest(%(ids)s::uuid[], %(nodes)s::text[], %(items)s::text[], %(ai_tokens)s::bigint[], %(api_calls)s::int[],
            %(errors)s::text[]) AS k(execution_id, node, item, ai_tokens, api_calls, error)
JOIN steps s ON s.execution_id = k.execution_id AND s.node = k.node AND s.item = k.item
WHERE s.execution_id BETWEEN %(lo)s AND %(hi)s
"""
"""Copy attempts that another one replaces; before the step rows are overwritten."""

UPDATE_STEPS = """
UPDATE steps s SET state = k.state, port = k.port, error_code = k.error_code, ai_tokens = k.ai_tokens,
  api_calls = k.api_calls, failures = k.failures, lost = k.lost, arrived = k.arrived, taken = k.taken,
  resumed = k.resumed, tx = pg_current_xact_id(), republished = 0,
  fence = CASE WHEN k.state = 'ready' THEN NULL ELSE s.fence END,
  lease_until = NULL,
  due_at = CASE k.state WHEN 'ready' THEN clock_timestamp() + make_interval(secs => %(republish_s)s)
    WHEN 'retrying' THEN clock_timestamp() + make_interval(secs => k.due_s)
    WHEN 'waiting' THEN clock_timestamp() + make_interval(secs => k.due_s) END,
  ready_at = CASE WHEN k.state = 'ready' THEN clock_timestamp() ELSE s.ready_at END,
  started_at = CASE WHEN k.state = 'ready' THEN NULL ELSE s.started_at END,
  completed_at = CASE WHEN k.state IN ('success', 'failed', 'skipped', 'canceled') THEN clock_timestamp() END
FROM unnest(%(ids)s::uuid[], %(nodes)s::text[], %(items)s::text[], %(states)s::text[], %(ports)s::text[],
            %(error_codes)s::text[], %(ai_tokens)s::bigint[], %(api_calls)s::int[], %(failures)s::int[],
            %(lost)s::int[], %(arrived)s::int[], %(taken)s::int[], %(resumed)s::bool[], %(due_s)s::float8[])
  AS k(execution_id, node, item, state, port, error_code, ai_tokens, api_calls, failures, lost, arrived, taken,
       resumed, due_s)
WHERE s.execution_id = k.execution_id AND s.node = k.node AND s.item = k.item
  AND s.execution_id BETWEEN %(lo)s AND %(hi)s
"""
"""Write the new state of locked steps; the fences were checked under the lock."""

INSERT_STEPS = """
INSERT INTO steps (execution_id, node, item, state, pool, arrived, taken, ready_at, due_at, completed_at)
SELECT k.execution_id, k.node, k.item, k.state, k.pool, k.arrived, k.taken,
  CASE WHEN k.state = 'ready' THEN clock_timestamp() END,
  CASE WHEN k.state = 'ready' THEN clock_timestamp() + make_interval(secs => %(republish_s)s) END,
  CASE WHEN k.state = 'skipped' THEN clock_timestamp() END
FROM unnest(%(ids)s::uuid[], %(nodes)s::text[], %(items)s::text[], %(states)s::text[], %(pools)s::text[],
            %(arrived)s::int[], %(taken)s::int[])
  AS k(execution_id, node, item, state, pool, arrived, taken)
"""
"""Successors: ready, skipped, or a join that waits for its other paths. One row per key: the execution lock sees to it."""

INSERT_DATA = """
INSERT INTO execution_data (execution_id, node, item, input, output, error)
SELECT k.execution_id, k.node, k.item, k.input::json, k.output::json, k.error::json
FROM unnest(%(ids)s::uuid[], %(nodes)s::text[], %(items)s::text[], %(inputs)s::text[], %(outputs)s::text[],
            %(errors)s::text[]) AS k(execution_id, node, item, input, output, error)
"""
"""What a step was given and what it returned; written once, when it ends."""

CANCEL_OPEN = """
WITH open AS (
  SELECT execution_id, node, item, state FROM steps
  WHERE execution_id = ANY(%(ids)s) AND execution_id BETWEEN %(lo)s AND %(hi)s
    AND state IN ('ready', 'retrying', 'waiting', 'pending')
  ORDER BY execution_id, node, item FOR UPDATE),
changed AS (
  UPDATE steps s SET state = 'canceled', due_at = NULL, completed_at = clock_timestamp(), tx = pg_current_xact_id()
  FROM open o WHERE s.execution_id = o.execution_id AND s.node = o.node AND s.item = o.item
    AND s.execution_id BETWEEN %(lo)s AND %(hi)s)
SELECT execution_id, count(*) FILTER (WHERE state <> 'pending')::int, count(*) FILTER (WHERE state = 'waiting')::int
FROM open GROUP BY execution_id
"""
"""Cancel every step of these executions that is not running; returns how many were open, and waiting."""

UPDATE_EXECUTIONS = """
UPDATE executions e SET state = k.state, stopping = k.stopping, open_steps = k.open_steps,
  waiting_steps = k.waiting_steps, steps_executed = k.steps_executed, steps_resolved = k.steps_resolved,
  ai_tokens = k.ai_tokens, api_calls = k.api_calls, failed_node = k.failed_node, failed_item = k.failed_item,
  revision = e.revision + 1,
  stop_requested_at = CASE WHEN k.stopping IS NULL THEN NULL
                           ELSE coalesce(e.stop_requested_at, clock_timestamp()) END,
  completed_at = CASE WHEN k.state IN ('success', 'failed', 'canceled') THEN clock_timestamp() END
FROM unnest(%(ids)s::uuid[], %(states)s::text[], %(stopping)s::text[], %(open_steps)s::int[],
            %(waiting_steps)s::int[], %(steps_executed)s::int[], %(steps_resolved)s::int[], %(ai_tokens)s::bigint[],
            %(api_calls)s::int[], %(failed_nodes)s::text[], %(failed_items)s::text[])
  AS k(id, state, stopping, open_steps, waiting_steps, steps_executed, steps_resolved, ai_tokens, api_calls,
       failed_node, failed_item)
WHERE e.id = k.id AND e.id BETWEEN %(lo)s AND %(hi)s
"""
"""The counters and state of locked executions, computed under the lock: one row each, however many steps ended."""

INSERT_STATS = """
INSERT INTO stats_delta (workflow_id, user_id, trigger_type, state, completed_at, duration_ms, queue_wait_ms,
                         steps, ai_tokens, api_calls)
SELECT workflow_id, user_id, trigger_type, state, completed_at,
  floor(extract(epoch FROM completed_at) * 1000) - floor(extract(epoch FROM started_at) * 1000),
  round(extract(epoch FROM started_at - created_at) * 1000),
  steps_executed, ai_tokens, api_calls
FROM executions WHERE id = ANY(%(ids)s) AND id BETWEEN %(lo)s AND %(hi)s
"""
"""One row per ended execution, in the transaction that ends it: statistics are exact at any moment."""

READ_INPUTS = """
SELECT d.execution_id, d.node, d.item, (CASE WHEN d.node = '' THEN d.input ELSE d.output END)::text
FROM unnest(%(ids)s::uuid[], %(nodes)s::text[], %(items)s::text[]) AS k(execution_id, node, item)
JOIN execution_data d ON d.execution_id = k.execution_id AND d.node = k.node AND d.item = k.item
WHERE d.execution_id BETWEEN %(lo)s AND %(hi)s
"""
"""What claimed steps read: outputs of earlier steps, and (node '') the input of the execution."""

NOTIFY_STOP = "SELECT pg_notify('flowversal_stop', id::text) FROM unnest(%(ids)s::uuid[]) AS t(id)"
"""Tell every worker that listens to stop what it runs of these executions; sent at commit."""
