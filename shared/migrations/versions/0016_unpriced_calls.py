"""An index that finds the days with calls of models that have no price: few of them, or none, among many."""

from alembic import op

revision = "0016"
down_revision = "0015"
branch_labels = None
depends_on = None

INDEX = "CREATE INDEX ai_days_unpriced ON ai_days (workflow_id, user_id) INCLUDE (unpriced) WHERE unpriced > 0"


def upgrade() -> None:
    """Forward only."""
    op.execute(INDEX)
