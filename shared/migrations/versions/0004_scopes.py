"""Scopes: containers that are steps, with the steps inside counted."""

from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Forward only. `children` of a loop are its items; those of a pass through a scope the steps in it."""
    op.execute(
        "ALTER TABLE steps ADD COLUMN children integer, ADD COLUMN children_begun integer,"
        " ADD COLUMN children_done integer, ADD COLUMN children_failed integer"
    )
    op.execute(
        "ALTER TABLE steps DROP CONSTRAINT steps_state_check, ADD CONSTRAINT steps_state_check CHECK (state IN"
        " ('pending','ready','running','retrying','waiting','open','success','failed','skipped','canceled'))"
    )
