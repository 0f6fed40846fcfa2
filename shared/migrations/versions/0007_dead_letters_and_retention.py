"""Dead letters, rejected messages, and retention with the totals of what it removed.

Its index over `executions` is built inside the transaction, as there is no release yet whose history it could lock for
long: see docs/internals.md for how a later migration does it.
"""

from alembic import op

revision = "0007"
down_revision = "0005"
branch_labels = None
depends_on = None

DEAD_LETTERS = """
-- Failed executions of which there is no dead letter yet; empty most of the time.
CREATE INDEX executions_without_letter ON executions (id) WHERE state = 'failed' AND error_fingerprint IS NULL;

-- One row per failed execution, written once with its `error_fingerprint`. Deleted with it by retention.
CREATE TABLE dead_letters (
  id uuid PRIMARY KEY DEFAULT uuid7(), execution_id uuid NOT NULL UNIQUE, workflow_id uuid NOT NULL,
  version_id uuid NOT NULL, user_id uuid NOT NULL,
  node text COLLATE "C", item text COLLATE "C", step text,
  code text NOT NULL, message text NOT NULL, fingerprint text NOT NULL, failed_at timestamptz NOT NULL,
  state text NOT NULL DEFAULT 'open' CHECK (state IN ('open', 'redriven', 'dismissed')),
  redriven_as uuid, closed_at timestamptz, closed_by uuid);
CREATE INDEX dead_letters_open ON dead_letters (id) WHERE state = 'open';
CREATE INDEX dead_letters_workflow ON dead_letters (workflow_id, id);
CREATE INDEX dead_letters_fingerprint ON dead_letters (fingerprint, id);

-- Messages that no worker could read. `origin` names one in its broker, so that it is stored once.
CREATE TABLE dead_messages (
  id uuid PRIMARY KEY DEFAULT uuid7(), origin text NOT NULL UNIQUE, queue text NOT NULL,
  rejected_at timestamptz NOT NULL, reason text NOT NULL, body text NOT NULL, body_bytes integer NOT NULL,
  stored_at timestamptz NOT NULL DEFAULT now());
"""

RETENTION = """
ALTER TABLE workflows ADD COLUMN retention_days integer CHECK (retention_days BETWEEN 1 AND 36500);

-- What was removed. A row of kind `week` is written with the week's totals: from then on its executions count as gone,
-- and its partitions follow until `completed_at`.
CREATE TABLE retention_runs (
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, kind text NOT NULL CHECK (kind IN ('week', 'rows')),
  week timestamptz NOT NULL, low uuid NOT NULL, high uuid NOT NULL,
  began_at timestamptz NOT NULL DEFAULT now(), completed_at timestamptz,
  executions bigint NOT NULL DEFAULT 0, rows json NOT NULL DEFAULT '{}', bytes bigint NOT NULL DEFAULT 0);
CREATE UNIQUE INDEX retention_runs_unfinished ON retention_runs (week) WHERE kind = 'week' AND completed_at IS NULL;

-- Totals of the executions that were removed: statistics = recount + pruned.
CREATE TABLE stats_pruned (
  workflow_id uuid NOT NULL, user_id uuid NOT NULL,
  success bigint NOT NULL, failed bigint NOT NULL, canceled bigint NOT NULL, duration_ms bigint NOT NULL,
  steps bigint NOT NULL, ai_tokens bigint NOT NULL, api_calls bigint NOT NULL, PRIMARY KEY (workflow_id, user_id));

CREATE INDEX idempotency_keys_created ON idempotency_keys (created_at);
"""


def upgrade() -> None:
    """Forward only."""
    op.execute(DEAD_LETTERS)
    op.execute(RETENTION)
