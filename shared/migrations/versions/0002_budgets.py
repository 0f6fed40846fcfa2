"""Budgets of time: the deadline of a run, and when a step's first attempt began."""

from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Forward only."""
    op.execute("ALTER TABLE steps ADD COLUMN begun_at timestamptz")
    op.execute(
        "CREATE INDEX executions_deadline ON executions (deadline_at)"
        " WHERE deadline_at IS NOT NULL AND completed_at IS NULL"
    )
