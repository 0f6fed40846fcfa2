"""Failure workflows: which workflow follows an execution should it fail; NULL once it was started."""

from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Forward only."""
    op.execute("ALTER TABLE executions ADD COLUMN on_failure uuid")
    op.execute(
        "CREATE INDEX executions_on_failure ON executions (id) WHERE state = 'failed' AND on_failure IS NOT NULL"
    )
