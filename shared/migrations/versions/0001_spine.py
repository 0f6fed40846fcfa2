"""The spine: people, workflows, versions, executions and their steps, data, logs, audit, idempotency, statistics.

Hot tables are range-partitioned by execution id (UUIDv7), one partition a week: see shared/db/partitions.py.
"""

from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

FUNCTIONS = """
-- A UUIDv7 of the database's own clock, so the clocks of other hosts do not matter.
CREATE FUNCTION uuid7() RETURNS uuid LANGUAGE sql VOLATILE PARALLEL SAFE AS $$
  SELECT encode(set_bit(set_bit(overlay(uuid_send(gen_random_uuid())
    PLACING substring(int8send(floor(extract(epoch FROM clock_timestamp()) * 1000)::bigint) FROM 3) FROM 1 FOR 6),
    52, 1), 53, 1), 'hex')::uuid
$$;
-- The smallest UUIDv7 of a moment: the bound of a partition or of a from/to filter.
CREATE FUNCTION uuid7_floor(at timestamptz) RETURNS uuid LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
  SELECT (encode(substring(int8send(floor(extract(epoch FROM at) * 1000)::bigint) FROM 3), 'hex')
    || '70008000000000000000')::uuid
$$;
"""

PEOPLE = """
CREATE TABLE users (
  id uuid PRIMARY KEY DEFAULT uuid7(), email text NOT NULL, name text NOT NULL,
  role text NOT NULL CHECK (role IN ('admin', 'editor', 'viewer')), password_hash text,
  created_at timestamptz NOT NULL DEFAULT now(), disabled_at timestamptz, last_seen_at timestamptz);
CREATE UNIQUE INDEX users_email ON users (lower(email));

CREATE TABLE sessions (
  hash bytea PRIMARY KEY, user_id uuid NOT NULL REFERENCES users, csrf text NOT NULL,
  created_at timestamptz NOT NULL DEFAULT now(), expires_at timestamptz NOT NULL);

CREATE TABLE api_tokens (
  id uuid PRIMARY KEY DEFAULT uuid7(), user_id uuid NOT NULL REFERENCES users, name text NOT NULL,
  hash bytea NOT NULL UNIQUE, hint text NOT NULL, scopes text[] NOT NULL DEFAULT '{}',
  created_at timestamptz NOT NULL DEFAULT now(), expires_at timestamptz, last_used_at timestamptz, revoked_at timestamptz);

CREATE TABLE audit_log (
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, at timestamptz NOT NULL DEFAULT now(),
  user_id uuid, action text NOT NULL, target text NOT NULL, detail json, address text);

CREATE TABLE idempotency_keys (
  user_id uuid NOT NULL, route text NOT NULL, key text NOT NULL, request_hash bytea NOT NULL,
  status integer, location text, response json, created_at timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (user_id, route, key));
"""

WORKFLOWS = """
CREATE TABLE workflows (
  id uuid PRIMARY KEY DEFAULT uuid7(), owner_id uuid NOT NULL REFERENCES users, name text NOT NULL,
  description text NOT NULL DEFAULT '', definition json NOT NULL, shared boolean NOT NULL DEFAULT false,
  enabled boolean NOT NULL DEFAULT true, revision integer NOT NULL DEFAULT 1, published_version integer,
  created_at timestamptz NOT NULL DEFAULT now(), updated_at timestamptz NOT NULL DEFAULT now(), archived_at timestamptz);
CREATE INDEX workflows_owner ON workflows (owner_id, id);

-- Immutable. A run of the draft stores its definition here once, with `number` NULL.
CREATE TABLE workflow_versions (
  id uuid PRIMARY KEY DEFAULT uuid7(), workflow_id uuid NOT NULL REFERENCES workflows, number integer,
  definition json NOT NULL, checksum bytea NOT NULL, created_at timestamptz NOT NULL DEFAULT now(),
  created_by uuid NOT NULL REFERENCES users, UNIQUE (workflow_id, number));
CREATE UNIQUE INDEX workflow_versions_draft ON workflow_versions (workflow_id, checksum) WHERE number IS NULL;
"""

EXECUTIONS = """
-- Ids, state and counters only: this row is updated at every step. What users wrote is in execution_data.
-- open_steps counts steps that are ready, running, retrying or waiting; waiting_steps those of them that wait.
CREATE TABLE executions (
  id uuid NOT NULL DEFAULT uuid7() PRIMARY KEY,
  workflow_id uuid NOT NULL, version_id uuid NOT NULL, user_id uuid NOT NULL,
  created_at timestamptz NOT NULL DEFAULT clock_timestamp(), started_at timestamptz, completed_at timestamptz,
  stop_requested_at timestamptz, deadline_at timestamptz,
  total_steps integer NOT NULL, steps_executed integer NOT NULL DEFAULT 0, steps_resolved integer NOT NULL DEFAULT 0,
  open_steps integer NOT NULL, waiting_steps integer NOT NULL DEFAULT 0,
  ai_tokens bigint NOT NULL DEFAULT 0, api_calls integer NOT NULL DEFAULT 0,
  revision integer NOT NULL DEFAULT 0, priority smallint NOT NULL DEFAULT 1,
  state text NOT NULL DEFAULT 'queued' CHECK (state IN ('queued','running','waiting','success','failed','canceled')),
  stopping text CHECK (stopping IN ('cancel','fail')), queued_reason text,
  trigger_type text NOT NULL CHECK (trigger_type IN ('manual','api','schedule','webhook','retry','workflow')),
  trigger_id uuid, parent_id uuid, retry_of uuid,
  failed_node text COLLATE "C", failed_item text COLLATE "C", error_fingerprint text
) PARTITION BY RANGE (id);
CREATE INDEX executions_by_workflow ON executions (workflow_id, id);
CREATE INDEX executions_by_user ON executions (user_id, id);
CREATE INDEX executions_by_state ON executions (state, id);

-- One node, one item, in one execution. `due_at`: look at this row no sooner than then (NULL: never again).
-- `tx` is the transaction of the last change: a stream reads what changed since its last snapshot.
CREATE TABLE steps (
  execution_id uuid NOT NULL, node text COLLATE "C" NOT NULL, item text COLLATE "C" NOT NULL DEFAULT '',
  fence bigint, tx xid8 NOT NULL DEFAULT pg_current_xact_id(),
  ready_at timestamptz, started_at timestamptz, completed_at timestamptz,
  due_at timestamptz, lease_until timestamptz, deadline_at timestamptz,
  ai_tokens bigint NOT NULL DEFAULT 0, api_calls integer NOT NULL DEFAULT 0,
  attempt smallint NOT NULL DEFAULT 0, lost smallint NOT NULL DEFAULT 0, failures smallint NOT NULL DEFAULT 0,
  arrived smallint NOT NULL DEFAULT 0, taken smallint NOT NULL DEFAULT 0,
  republished smallint NOT NULL DEFAULT 0, resumed boolean NOT NULL DEFAULT false,
  state text NOT NULL CHECK (state IN
    ('pending','ready','running','retrying','waiting','success','failed','skipped','canceled')),
  pool text NOT NULL, worker text, port text, error_code text, reused_from uuid,
  PRIMARY KEY (execution_id, node, item)
) PARTITION BY RANGE (execution_id);
CREATE INDEX steps_due ON steps (due_at) WHERE due_at IS NOT NULL;

-- Attempts that another one replaced; the last attempt lives in `steps`.
CREATE TABLE step_attempts (
  execution_id uuid NOT NULL, node text COLLATE "C" NOT NULL, item text COLLATE "C" NOT NULL, number smallint NOT NULL,
  state text NOT NULL, worker text, ready_at timestamptz, started_at timestamptz, completed_at timestamptz,
  ai_tokens bigint NOT NULL DEFAULT 0, api_calls integer NOT NULL DEFAULT 0, error json,
  PRIMARY KEY (execution_id, node, item, number)
) PARTITION BY RANGE (execution_id);

-- What users wrote, and what nodes returned: written once. The row with node '' holds the input of the execution.
CREATE TABLE execution_data (
  execution_id uuid NOT NULL, node text COLLATE "C" NOT NULL, item text COLLATE "C" NOT NULL DEFAULT '',
  input json, output json, error json, PRIMARY KEY (execution_id, node, item)
) PARTITION BY RANGE (execution_id);

CREATE SEQUENCE execution_log_id;
CREATE TABLE execution_logs (
  execution_id uuid NOT NULL, id bigint NOT NULL DEFAULT nextval('execution_log_id'),
  tx xid8 NOT NULL DEFAULT pg_current_xact_id(), at timestamptz NOT NULL, level text NOT NULL,
  node text COLLATE "C" NOT NULL, item text COLLATE "C" NOT NULL, attempt smallint NOT NULL,
  message text NOT NULL, fields json, PRIMARY KEY (execution_id, id)
) PARTITION BY RANGE (execution_id);
"""

STATS = """
-- One row per ended execution, written in the transaction that ended it; clockwork folds it into the tables below.
-- duration_ms and queue_wait_ms are NULL for an execution that never started.
CREATE TABLE stats_delta (
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  workflow_id uuid NOT NULL, user_id uuid NOT NULL, trigger_type text NOT NULL, state text NOT NULL,
  completed_at timestamptz NOT NULL, duration_ms bigint, queue_wait_ms bigint,
  steps integer NOT NULL, ai_tokens bigint NOT NULL, api_calls integer NOT NULL);

-- Everything ever, per workflow and user. duration_ms sums success and failed only (see mission: average time).
CREATE TABLE stats_totals (
  workflow_id uuid NOT NULL, user_id uuid NOT NULL,
  success bigint NOT NULL, failed bigint NOT NULL, canceled bigint NOT NULL, duration_ms bigint NOT NULL,
  steps bigint NOT NULL, ai_tokens bigint NOT NULL, api_calls bigint NOT NULL, last_completed_at timestamptz NOT NULL,
  PRIMARY KEY (workflow_id, user_id));
CREATE INDEX stats_totals_user ON stats_totals (user_id);

CREATE TABLE stats_hourly (
  hour timestamptz NOT NULL, workflow_id uuid NOT NULL, user_id uuid NOT NULL, trigger_type text NOT NULL,
  success bigint NOT NULL, failed bigint NOT NULL, canceled bigint NOT NULL, duration_ms bigint NOT NULL,
  steps bigint NOT NULL, ai_tokens bigint NOT NULL, api_calls bigint NOT NULL,
  PRIMARY KEY (hour, workflow_id, user_id, trigger_type));

-- Histograms of run time and queue wait in logarithmic buckets, per workflow and hour: the source of p50, p95, p99.
CREATE TABLE stats_histogram (
  hour timestamptz NOT NULL, workflow_id uuid NOT NULL, measure text NOT NULL CHECK (measure IN ('duration','queue_wait')),
  bucket smallint NOT NULL, count bigint NOT NULL, PRIMARY KEY (workflow_id, measure, hour, bucket));

CREATE TABLE workers (
  id text PRIMARY KEY, kind text NOT NULL, host text NOT NULL, pid integer NOT NULL, version text NOT NULL,
  pool text NOT NULL, slots integer NOT NULL, busy integer NOT NULL DEFAULT 0,
  started_at timestamptz NOT NULL DEFAULT now(), beat_at timestamptz NOT NULL DEFAULT now());
"""


def upgrade() -> None:
    """Create everything."""
    for script in (FUNCTIONS, PEOPLE, WORKFLOWS, EXECUTIONS, STATS):
        op.execute(script)
