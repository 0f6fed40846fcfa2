"""Credentials, encrypted; and which of them a workflow's definition may name."""

from alembic import op

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None

CREDENTIALS = """
-- `sealed` are the fields under a data key of their own, `wrapped_key` is that key under the one called `kek_id` (shared/vault).
-- Deleted ones are really deleted. `hosts` empty: it may be sent to any.
CREATE TABLE credentials (
  id uuid PRIMARY KEY DEFAULT uuid7(), owner_id uuid NOT NULL REFERENCES users, name text NOT NULL, type text NOT NULL,
  shared boolean NOT NULL DEFAULT false, hosts text[] NOT NULL DEFAULT '{}',
  sealed bytea NOT NULL, wrapped_key bytea NOT NULL, kek_id text NOT NULL, revision integer NOT NULL DEFAULT 1,
  created_at timestamptz NOT NULL DEFAULT now(), updated_at timestamptz NOT NULL DEFAULT now(), last_used_at timestamptz);
CREATE INDEX credentials_owner ON credentials (owner_id);
"""

VETTED = """
-- What credentials that the draft names were put to by somebody who could see them, {"<uuid>": ["<hash of the use>"]}: others
-- may keep these uses, and neither change them nor add any.
ALTER TABLE workflows ADD COLUMN vetted_credentials jsonb NOT NULL DEFAULT '{}';
"""


def upgrade() -> None:
    """Forward only."""
    op.execute(CREDENTIALS)
    op.execute(VETTED)
