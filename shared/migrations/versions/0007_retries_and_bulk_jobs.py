"""Retries by hand, and actions on many executions at once."""

from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

RETRIES = """
-- Steps that were copied from an earlier execution: resolved, not executed.
ALTER TABLE executions ADD COLUMN steps_reused integer NOT NULL DEFAULT 0;

-- The retries of each execution. A plain table: found at once, however long ago the first one was.
CREATE TABLE execution_retries (retry_of uuid NOT NULL, id uuid NOT NULL, PRIMARY KEY (retry_of, id));
CREATE INDEX execution_retries_id ON execution_retries (id);
"""

BULK_JOBS = """
-- One action on many executions. `filter` is what was asked, for people to read; bulk_items is what it means.
CREATE TABLE bulk_jobs (
  id uuid PRIMARY KEY DEFAULT uuid7(), user_id uuid NOT NULL REFERENCES users, address text,
  action text NOT NULL CHECK (action IN ('cancel', 'retry')), filter json NOT NULL,
  retry_from text NOT NULL DEFAULT 'failed', retry_version text NOT NULL DEFAULT 'same',
  state text NOT NULL DEFAULT 'running' CHECK (state IN ('running', 'done', 'canceled')),
  total integer NOT NULL, changed integer NOT NULL DEFAULT 0, skipped integer NOT NULL DEFAULT 0,
  failed integer NOT NULL DEFAULT 0, errors json NOT NULL DEFAULT '[]',
  created_at timestamptz NOT NULL DEFAULT clock_timestamp(), advanced_at timestamptz, completed_at timestamptz);
CREATE INDEX bulk_jobs_running ON bulk_jobs (advanced_at NULLS FIRST, id) WHERE state = 'running';
CREATE INDEX bulk_jobs_user ON bulk_jobs (user_id, id);

-- What is left to do. An execution leaves in the transaction that acts on it, so it is acted on once.
CREATE TABLE bulk_items (
  job_id uuid NOT NULL REFERENCES bulk_jobs, execution_id uuid NOT NULL, PRIMARY KEY (job_id, execution_id));
CREATE INDEX bulk_items_execution ON bulk_items (execution_id);
"""


def upgrade() -> None:
    """Forward only."""
    op.execute(RETRIES)
    op.execute(BULK_JOBS)
