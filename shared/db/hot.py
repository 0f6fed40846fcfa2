"""The statements of the hot path. `{steps}` and its like stand for the partitions of one week: see `on_week`.

A statement that names its partition is planned once and then kept: nothing is pruned or planned at run time, however
many weeks there are. Rows travel as one JSON parameter, so a statement has one type signature whatever the values are.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from typing import Any
from uuid import UUID

import orjson

from shared.db.partitions import PARTITIONED, partition_name
from shared.db.wire import Answer, Wire
from shared.domain.outcome import Key

Row = dict[str, Any]

APPEND_STATS = """
INSERT INTO stats_delta (workflow_id, user_id, trigger_type, state, completed_at, duration_ms, queue_wait_ms,
                         steps, ai_tokens, api_calls, ai_cost_nano, run_id)
SELECT workflow_id, user_id, trigger_type, state, completed_at,
  floor(extract(epoch FROM completed_at) * 1000) - floor(extract(epoch FROM started_at) * 1000),
  round(extract(epoch FROM started_at - created_at) * 1000),
  steps_executed, ai_tokens, api_calls, ai_cost_nano, id
"""
"""The row of statistics of executions that are over: from a source that the statement around it names."""

INSERT_STEPS = """
  INSERT INTO {steps} (execution_id, node, item, state, pool, arrived, taken, children, ready_at, due_at, started_at,
                       completed_at)
  SELECT k.execution_id, k.node, k.item, k.state, k.pool, k.arrived, k.taken, k.children,
    CASE WHEN k.state = 'ready' THEN clock_timestamp() END,
    CASE WHEN k.state = 'ready' THEN clock_timestamp() + make_interval(secs => %(republish_s)s::float8) END,
    CASE WHEN k.state = 'open' THEN clock_timestamp() END,
    CASE WHEN k.state IN ('skipped', 'canceled') THEN clock_timestamp() END
  FROM json_to_recordset(%(added)s::json)
    AS k(execution_id uuid, node text, item text, state text, pool text, arrived smallint, taken smallint,
         children int)"""
"""Successors: ready, skipped, a join that waits, an item; the execution's lock sees to one row a key."""

INSERT_DATA = """
  INSERT INTO {execution_data} (execution_id, node, item, input, output, error)
  SELECT k.execution_id, k.node, k.item, k.input::json, k.output::json, k.error::json
  FROM json_to_recordset(%(stored)s::json)
    AS k(execution_id uuid, node text, item text, input text, output text, error text)"""
"""What steps were given and what they returned: written once, when they end."""

LOCK_EXECUTIONS = """
SELECT id, version_id, state, stopping, open_steps, waiting_steps, steps_executed, steps_resolved, ai_tokens, api_calls,
       failed_node, failed_item, total_steps, priority
FROM {executions} WHERE id = ANY(%(ids)s::uuid[]) ORDER BY id FOR NO KEY UPDATE
"""
"""Take the executions in id order. The first lock of outcomes."""

LOCK_STEPS = """
SELECT s.* FROM (
  SELECT * FROM json_to_recordset(%(keys)s::json) AS k(execution_id uuid, node text, item text)
  ORDER BY execution_id, node COLLATE "C", item COLLATE "C") k
CROSS JOIN LATERAL (
  SELECT s.execution_id, s.node, s.item, s.fence, s.lease_until < clock_timestamp(), s.due_at <= clock_timestamp(),
         s.state, s.arrived, s.taken, s.attempt, s.failures, s.lost, s.port, s.error_code, s.resumed, s.ai_tokens,
         s.api_calls, extract(epoch FROM clock_timestamp() - coalesce(s.begun_at, s.started_at))::float8,
         s.children, s.children_begun, s.children_done, s.children_failed
  FROM {steps} s
  WHERE s.execution_id = k.execution_id AND s.node = k.node AND s.item = k.item FOR UPDATE) s
"""
"""Take the steps of outcomes, and the joins they may touch, in key order (look-ups, one after the other); after the
executions."""

READ_EXECUTIONS = "SELECT id, workflow_id, version_id FROM {executions} WHERE id = ANY(%(ids)s::uuid[])"
"""What of an execution never changes."""

START = """
UPDATE {executions} e SET state = 'running', started_at = clock_timestamp(), revision = e.revision + 1,
  deadline_at = clock_timestamp() + make_interval(secs =>
    (SELECT k.timeout_s FROM json_to_recordset(%(limits)s::json) AS k(id uuid, timeout_s float8) WHERE k.id = e.id))
WHERE e.id = ANY(%(ids)s::uuid[]) AND (e.state = 'queued' AND e.queued_reason IS NULL) IS TRUE
"""
"""The first claim of an execution starts it, and its deadline; before the claim, as executions are locked before steps.

IS TRUE keeps the planner from the index of states, which says little and is long.
"""

CLAIM = """
UPDATE {steps} s SET state = 'running', attempt = s.attempt + (s.state = 'ready')::int::smallint, fence = k.fence,
  worker = %(worker)s, started_at = clock_timestamp(),
  lease_until = clock_timestamp() + make_interval(secs => %(lease_s)s::float8),
  deadline_at = clock_timestamp() + make_interval(secs => k.timeout_s), tx = pg_current_xact_id()
FROM (SELECT * FROM json_to_recordset(%(claims)s::json)
        AS k(execution_id uuid, node text, item text, fence bigint, timeout_s float8)
      ORDER BY execution_id, node COLLATE "C", item COLLATE "C") k
WHERE s.execution_id = k.execution_id AND s.node = k.node AND s.item = k.item
  AND (s.state = 'ready' OR (s.state = 'running' AND s.fence = k.fence))
  AND (SELECT e.state IN ('running', 'waiting') AND e.stopping IS NULL FROM {executions} e WHERE e.id = s.execution_id)
RETURNING s.execution_id, s.node, s.item, k.fence, s.attempt, s.resumed,
  extract(epoch FROM s.started_at - s.ready_at)::float8, extract(epoch FROM s.started_at - s.begun_at)::float8,
  (SELECT CASE WHEN e.open_steps = 1 AND e.state = 'running'
     THEN ARRAY[e.revision, e.steps_resolved, e.total_steps, e.priority] END FROM {executions} e WHERE e.id = s.execution_id)
"""
"""ready → running under a fresh fence, of executions that live; a repeated batch finds its own fence again.

The execution is read unlocked: a cancel that commits meanwhile has canceled the ready step with it, and a claim that
waited for that step looks at its state once more. An execution with no other open step is described (see
shared/engine/alone.py). `due_at` stays: no indexed column changes, so the update is HOT.
"""

COMPLETE = (
    """
WITH kept AS (  -- attempts that another one replaces: read before the step rows below are overwritten
  INSERT INTO {step_attempts} (execution_id, node, item, number, state, worker, ready_at, started_at, completed_at,
                               ai_tokens, api_calls, error)
  SELECT s.execution_id, s.node, s.item, s.attempt, 'failed', s.worker, s.ready_at, s.started_at, clock_timestamp(),
         k.ai_tokens, k.api_calls, k.error::json
  FROM json_to_recordset(%(kept)s::json)
    AS k(execution_id uuid, node text, item text, ai_tokens bigint, api_calls int, error text)
  JOIN {steps} s ON s.execution_id = k.execution_id AND s.node = k.node AND s.item = k.item),
changed AS (  -- the new state of locked steps; their fences were checked under the lock
  UPDATE {steps} s SET state = k.state, port = k.port, error_code = k.error_code, ai_tokens = k.ai_tokens,
    api_calls = k.api_calls, failures = k.failures, lost = k.lost, arrived = k.arrived, taken = k.taken,
    resumed = k.resumed, tx = pg_current_xact_id(), republished = 0, lease_until = NULL,
    fence = CASE WHEN k.state <> 'ready' THEN s.fence END,
    due_at = CASE k.state WHEN 'ready' THEN clock_timestamp() + make_interval(secs => %(republish_s)s::float8)
      WHEN 'retrying' THEN clock_timestamp() + make_interval(secs => k.due_s)
      WHEN 'waiting' THEN clock_timestamp() + make_interval(secs => k.due_s) END,
    ready_at = CASE WHEN k.state = 'ready' THEN clock_timestamp() ELSE s.ready_at END,
    started_at = CASE WHEN k.state <> 'ready' THEN s.started_at END,
    begun_at = CASE WHEN k.state IN ('ready', 'retrying', 'open') THEN coalesce(s.begun_at, s.started_at) ELSE s.begun_at END,
    completed_at = CASE WHEN k.state IN ('success', 'failed', 'skipped', 'canceled') THEN clock_timestamp() END
  FROM json_to_recordset(%(changed)s::json)
    AS k(execution_id uuid, node text, item text, state text, port text, error_code text, ai_tokens bigint,
         api_calls int, failures smallint, lost smallint, arrived smallint, taken smallint, resumed bool, due_s float8)
  WHERE s.execution_id = k.execution_id AND s.node = k.node AND s.item = k.item),
added AS ("""
    + INSERT_STEPS
    + """),
stored AS ("""
    + INSERT_DATA
    + """),
advanced AS (  -- counters and states, computed under the lock: one row an execution, however many steps ended
  UPDATE {executions} e SET state = k.state, stopping = k.stopping, open_steps = k.open_steps,
    waiting_steps = k.waiting_steps, steps_executed = k.steps_executed, steps_resolved = k.steps_resolved,
    ai_tokens = k.ai_tokens, api_calls = k.api_calls, failed_node = k.failed_node, failed_item = k.failed_item,
    total_steps = k.total_steps, revision = e.revision + 1,
    stop_requested_at = CASE WHEN k.stopping IS NOT NULL THEN coalesce(e.stop_requested_at, clock_timestamp()) END,
    completed_at = CASE WHEN k.state IN ('success', 'failed', 'canceled') THEN clock_timestamp() END
  FROM json_to_recordset(%(executions)s::json)
    AS k(id uuid, state text, stopping text, open_steps int, waiting_steps int, steps_executed int,
         steps_resolved int, ai_tokens bigint, api_calls int, failed_node text, failed_item text, total_steps int)
  WHERE e.id = k.id
  RETURNING e.*)
"""
    + APPEND_STATS
    + """FROM advanced WHERE completed_at IS NOT NULL
"""
)
"""All that a batch of outcomes changes, in one statement: attempts, steps, successors, data, executions, statistics."""

INSERT_REFERRING = """
INSERT INTO {execution_data} (execution_id, node, item, input, output, error, input_blob, input_preview, output_blob,
                              output_preview)
SELECT k.execution_id, k.node, k.item, k.input::json, k.output::json, k.error::json, k.input_blob::json,
  k.input_preview, k.output_blob::json, k.output_preview
FROM json_to_recordset(%(referring)s::json)
  AS k(execution_id uuid, node text, item text, input text, output text, error text, input_blob text,
       input_preview text, output_blob text, output_preview text)
"""
"""Like `stored` of COMPLETE, for values that are in the blob store: only batches that have such send it."""

CANCEL_OPEN = """
WITH open AS (
  SELECT execution_id, node, item, state FROM {steps}
  WHERE execution_id = ANY(%(ids)s::uuid[]) AND state IN ('ready', 'retrying', 'waiting', 'pending', 'open')
  ORDER BY execution_id, node, item FOR UPDATE),
changed AS (
  UPDATE {steps} s SET state = 'canceled', due_at = NULL, completed_at = clock_timestamp(), tx = pg_current_xact_id()
  FROM open o WHERE s.execution_id = o.execution_id AND s.node = o.node AND s.item = o.item)
SELECT execution_id, count(*) FILTER (WHERE state NOT IN ('pending', 'open'))::int, count(*) FILTER (WHERE state = 'waiting')::int
FROM open GROUP BY execution_id
"""
"""Cancel every step of these executions that is not running; returns how many were open, and waiting."""

COUNT_CHILDREN = """
UPDATE {steps} s SET children = k.children, children_begun = k.begun, children_done = k.done, children_failed = k.failed,
  tx = pg_current_xact_id()
FROM json_to_recordset(%(counted)s::json)
  AS k(execution_id uuid, node text, item text, children int, begun int, done int, failed int)
WHERE s.execution_id = k.execution_id AND s.node = k.node AND s.item = k.item
"""
"""How far scopes have come: rows that are locked, or were inserted in this transaction."""

INSERT_SCOPE_ERRORS = """
INSERT INTO {execution_data} (execution_id, node, item, output, error)
SELECT k.execution_id, k.node, k.item, k.output::json, k.error::json
FROM json_to_recordset(%(errors)s::json) AS k(execution_id uuid, node text, item text, output text, error text)
ON CONFLICT (execution_id, node, item) DO UPDATE SET error = excluded.error
"""
"""Why a scope, or an item of a loop (its row has the item's value already), was given up."""

CANCEL_WITHIN = """
WITH open AS (
  SELECT s.execution_id, s.node, s.item, s.state
  FROM json_to_recordset(%(ranges)s::json) AS k(execution_id uuid, nodes text[], low text, high text)
  JOIN {steps} s ON s.execution_id = k.execution_id AND s.node = ANY(k.nodes)
    AND s.item BETWEEN k.low AND k.high
  WHERE s.state IN ('ready', 'running', 'retrying', 'waiting', 'pending', 'open')
  ORDER BY s.execution_id, s.node, s.item FOR UPDATE OF s),
changed AS (
  UPDATE {steps} s SET state = 'canceled', due_at = NULL, completed_at = clock_timestamp(), tx = pg_current_xact_id()
  FROM open o WHERE s.execution_id = o.execution_id AND s.node = o.node AND s.item = o.item)
SELECT execution_id, node, item, state FROM open
"""
"""Cancel every step inside scopes that were given up, running ones too: their fences then fit no running step.

A running one keeps its lease until its worker has said what it used (shared/engine/late.py).
"""

NOTIFY_STEPS = "SELECT pg_notify('flowversal_stop', told) FROM json_array_elements_text(%(told)s::json) AS t(told)"
"""Tell every worker that listens to stop these steps (`<execution> <node> <item>`); sent at commit."""

READ_RESULTS = """
SELECT r.execution_id, r.node, r.item, r.children, r.children_failed, r.end_node, r.end_item,
  CASE WHEN sum(r.bytes) OVER (PARTITION BY r.execution_id, r.node, r.item) <= %(most)s::bigint THEN r.output END::text,
  r.error::text, r.output_blob::text, r.bytes
FROM (
  SELECT s.execution_id, s.node, s.item, s.children, s.children_failed, d.node AS end_node, d.item AS end_item,
    d.output, d.error, d.output_blob, octet_length(d.output::text) AS bytes
  FROM json_to_recordset(%(scopes)s::json)
    AS k(execution_id uuid, node text, item text, ends text[], low text, high text)
  JOIN {steps} s ON s.execution_id = k.execution_id AND s.node = k.node AND s.item = k.item
  LEFT JOIN {execution_data} d ON d.execution_id = k.execution_id AND d.node = ANY(k.ends)
    AND d.item BETWEEN k.low AND k.high
  WHERE s.children IS NOT NULL) r
"""
"""What the steps inside claimed scopes have left, where they have run: a row for each end and item; in no order.

Scopes with more than `most` bytes of outputs get their sizes only: who claims them reads the outputs on its own.
"""

INSERT_STATS = APPEND_STATS + "FROM {executions} WHERE id = %(id)s"
"""The row of statistics of an execution that ended without an outcome: canceled, or settled."""

UNHURRIED = "SELECT set_config('synchronous_commit', 'off', true)"
"""Let this transaction reach the disk with the next one that waits for it, within 0.6 s at most."""

READ_VALUES = """
SELECT d.execution_id, d.node, d.item, (CASE WHEN k.given THEN d.input ELSE d.output END)::text, d.error::text,
  (CASE WHEN k.given THEN d.input_blob ELSE d.output_blob END)::text
FROM json_to_recordset(%(keys)s::json) AS k(execution_id uuid, node text, item text, given bool)
JOIN {execution_data} d ON d.execution_id = k.execution_id AND d.node = k.node AND d.item = k.item
"""
"""What claimed steps read: outputs and errors of earlier steps; what was `given`: items of loops, and (node '') the input."""

STORE_RUN_ERROR = "UPDATE {execution_data} SET error = %(error)s::json WHERE execution_id = %(id)s AND node = ''"
"""Why the run itself failed, beside its input."""

NOTIFY_STOP = "SELECT pg_notify('flowversal_stop', id::text) FROM unnest(%(ids)s::uuid[]) AS t(id)"
"""Tell every worker that listens to stop what it runs of these executions; sent at commit."""


@lru_cache(maxsize=1_000)
def on_week(statement: str, week: datetime) -> str:
    """The statement over the partitions of the week that begins on that Monday."""
    return statement.format_map({table: partition_name(table, week) for table in PARTITIONED})


@dataclass(frozen=True, slots=True)
class Week:
    """The hot tables of one week over a wire."""

    wire: Wire
    monday: datetime

    def run(self, statement: str, parameters: dict[str, Any]) -> Answer:
        """Add a statement of this module to the next round trip."""
        return self.wire.send(on_week(statement, self.monday), parameters)


def json_rows(rows: Sequence[Row | str]) -> bytes:
    """Rows as one parameter for json_to_recordset (or texts for json_array_elements_text). Raises orjson.JSONEncodeError for text with lone surrogates."""
    return orjson.dumps(rows)


def key_rows(keys: Iterable[Key]) -> list[Row]:
    """The key columns of steps."""
    return [key_row(key) for key in keys]


def key_row(key: Key) -> Row:
    """The key columns of a step."""
    return {"execution_id": key[0], "node": key[1], "item": key[2]}


def uuid_array(ids: Iterable[UUID]) -> str:
    """Ids as a Postgres array."""
    return "{" + ",".join([id.hex for id in ids]) + "}"
