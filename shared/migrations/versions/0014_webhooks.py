"""Webhooks: the paths that they are called on, what was called, and what runs answer."""

from alembic import op

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None

# `made` is the path that nobody can guess, kept for a trigger that has no path of its own; `path` NULL: another has it now.
WEBHOOKS = """
CREATE TABLE webhooks (
  trigger_id uuid PRIMARY KEY REFERENCES triggers, made text COLLATE "C" NOT NULL UNIQUE, path text COLLATE "C" UNIQUE);
"""

# One row for each call, kept for days. `status` NULL: not answered yet, or its process ended before it was.
# `request` has path, query, headers and content type without secrets, NULL where nothing of a refused call was kept;
# `body` begins the body, `whole` says whether it is all of it.
DELIVERIES = """
CREATE TABLE webhook_deliveries (
  id uuid PRIMARY KEY DEFAULT uuid7(), trigger_id uuid NOT NULL REFERENCES triggers,
  at timestamptz NOT NULL DEFAULT clock_timestamp(), method text NOT NULL, status smallint, reason text,
  duration_ms integer, size bigint NOT NULL DEFAULT 0, address text NOT NULL, execution_id uuid, replay_of uuid,
  request json, body bytea, whole boolean NOT NULL DEFAULT false);
CREATE INDEX webhook_deliveries_trigger ON webhook_deliveries (trigger_id, id);
CREATE INDEX webhook_deliveries_execution ON webhook_deliveries (execution_id);
"""

# A caller waits for the answer of a run until `waits_until`; one row for each such run, from its start on. `closed_at`: the
# caller was told that it has to look itself.
ANSWERS = """
CREATE TABLE webhook_answers (
  execution_id uuid PRIMARY KEY, waits_until timestamptz NOT NULL, closed_at timestamptz, answered_at timestamptz,
  node text COLLATE "C", item text COLLATE "C", status smallint, headers json, body bytea);
CREATE INDEX webhook_answers_age ON webhook_answers (waits_until);
"""


def upgrade() -> None:
    """Forward only."""
    op.execute(WEBHOOKS)
    op.execute(DELIVERIES)
    op.execute(ANSWERS)
