"""Waits that end from outside: what a step asks, and what it was answered."""

from alembic import op

revision = "0006"
down_revision = "0005"
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


def upgrade() -> None:
    """Forward only."""
    op.execute(WAITS)
    op.execute(KEYS)
