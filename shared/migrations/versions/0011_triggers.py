"""Triggers: what the published version of a workflow says of when it starts."""

from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None

# One row for each trigger that a published version ever had; `removed_at` once the published version has it no longer, for
# executions go on naming it. `config` is as the domain read it.
TRIGGERS = """
CREATE TABLE triggers (
  id uuid PRIMARY KEY DEFAULT uuid7(), workflow_id uuid NOT NULL REFERENCES workflows, key text COLLATE "C" NOT NULL,
  type text NOT NULL, name text NOT NULL DEFAULT '', config json NOT NULL, version integer NOT NULL,
  paused_at timestamptz, created_at timestamptz NOT NULL DEFAULT now(), updated_at timestamptz NOT NULL DEFAULT now(),
  removed_at timestamptz, UNIQUE (workflow_id, key));
"""


def upgrade() -> None:
    """Forward only."""
    op.execute(TRIGGERS)
