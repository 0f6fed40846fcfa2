"""Limits of concurrency and rate: runs that wait for their turn, and those that hold a slot."""

from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

ADMISSIONS = """
-- Runs of workflows with limits only. It waits while admitted_at is NULL; it holds a slot until over_at.
CREATE TABLE admissions (
  execution_id uuid PRIMARY KEY, workflow_id uuid NOT NULL, key text NOT NULL, priority smallint NOT NULL,
  max_concurrent integer, max_per_key integer, rate_max integer, rate_ms bigint,
  admitted_at timestamptz, over_at timestamptz);
CREATE INDEX admissions_waiting ON admissions (workflow_id, priority DESC, execution_id) WHERE admitted_at IS NULL;
CREATE INDEX admissions_taken ON admissions (workflow_id) WHERE admitted_at IS NOT NULL;
CREATE INDEX admissions_active ON admissions (execution_id) WHERE admitted_at IS NOT NULL AND over_at IS NULL;
"""


def upgrade() -> None:
    """Forward only."""
    op.execute(ADMISSIONS)
