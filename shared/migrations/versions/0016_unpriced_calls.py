"""How many calls of models had no price, by workflow and who ran it: clockwork folds them here beside the days."""

from alembic import op

revision = "0016"
down_revision = "0015"
branch_labels = None
depends_on = None

TABLE = """
CREATE TABLE ai_unpriced (
  workflow_id uuid NOT NULL, user_id uuid NOT NULL, calls bigint NOT NULL, PRIMARY KEY (workflow_id, user_id));
CREATE INDEX ai_unpriced_user ON ai_unpriced (user_id);
INSERT INTO ai_unpriced
SELECT workflow_id, user_id, sum(unpriced) FROM ai_days WHERE unpriced > 0 GROUP BY workflow_id, user_id;
"""


def upgrade() -> None:
    """Forward only."""
    op.execute(TABLE)
