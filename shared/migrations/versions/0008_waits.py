"""Waits that end from outside: what a step asks, what it was answered, and the runs that steps started."""

from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None

WAITS = """
-- A step that asks somebody outside, one row however often it asks. `closed_at` NULL: it waits at this moment.
-- `asked_at` NULL: answered before it asked. `id` is new with each question: lists go by it.
CREATE TABLE waits (
  execution_id uuid NOT NULL, node text COLLATE "C" NOT NULL, item text COLLATE "C" NOT NULL DEFAULT '',
  id uuid NOT NULL DEFAULT uuid7(), kind text NOT NULL CHECK (kind IN ('approval', 'callback')),
  workflow_id uuid NOT NULL, step_name text NOT NULL DEFAULT '', message text NOT NULL DEFAULT '', approvers text[],
  asked_at timestamptz, expires_at timestamptz, closed_at timestamptz,
  answer json, answered_by uuid, answered_at timestamptz,
  PRIMARY KEY (execution_id, node, item));
CREATE INDEX waits_open ON waits (id) WHERE closed_at IS NULL AND kind = 'approval';
"""

KEYS = """
-- What this installation signs with: 244 bits of the server's strong randomness.
CREATE TABLE signing_keys (purpose text PRIMARY KEY, key bytea NOT NULL);
INSERT INTO signing_keys VALUES ('callback', decode(replace(gen_random_uuid()::text || gen_random_uuid()::text, '-', ''), 'hex'));
"""

SUBRUNS = """
-- Which step started which execution. `waits`: the step waits for its end. `over`: the parent has heard of it; ai_tokens and
-- api_calls are what the parent's sums have of it. `reported`: that it did not succeed was handed to the step, whose next
-- attempt starts another. `orphaned`: the parent was stopped, so it is to be canceled.
CREATE TABLE subruns (
  execution_id uuid NOT NULL, node text COLLATE "C" NOT NULL, item text COLLATE "C" NOT NULL DEFAULT '',
  child_id uuid NOT NULL UNIQUE, waits boolean NOT NULL, over boolean NOT NULL DEFAULT false,
  reported boolean NOT NULL DEFAULT false, orphaned boolean NOT NULL DEFAULT false,
  ai_tokens bigint NOT NULL DEFAULT 0, api_calls bigint NOT NULL DEFAULT 0,
  PRIMARY KEY (execution_id, node, item, child_id));
CREATE INDEX subruns_orphaned ON subruns (child_id) WHERE orphaned;

-- `awaited`: somebody waits for its end and has not heard of it. child_…: what the children used that it waited for.
ALTER TABLE executions ADD COLUMN depth smallint NOT NULL DEFAULT 0, ADD COLUMN awaited boolean NOT NULL DEFAULT false,
  ADD COLUMN child_ai_tokens bigint NOT NULL DEFAULT 0, ADD COLUMN child_api_calls bigint NOT NULL DEFAULT 0;
CREATE INDEX executions_awaited ON executions (id) WHERE awaited AND completed_at IS NOT NULL;
"""


def upgrade() -> None:
    """Forward only."""
    op.execute(WAITS)
    op.execute(KEYS)
    op.execute(SUBRUNS)
