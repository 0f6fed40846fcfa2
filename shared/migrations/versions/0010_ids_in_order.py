"""Ids in the order in which they were made, also within a millisecond: whoever came first is first in line."""

from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None

# RFC 9562, 6.2, method 3: the 12 bits behind the milliseconds are their fraction, a quarter of a microsecond each.
# 60 bits of time in hex, the version between the 48th and the 49th, variant and 62 random bits of another UUID. One expression
# that reads the clock once, so that Postgres inlines it.
UUID7 = """
CREATE OR REPLACE FUNCTION uuid7() RETURNS uuid LANGUAGE sql VOLATILE PARALLEL SAFE AS $$
  SELECT (overlay(lpad(to_hex(floor(extract(epoch FROM clock_timestamp()) * 4096000)::bigint), 15, '0') PLACING '7' FROM 13 FOR 0)
    || substr(gen_random_uuid()::text, 20))::uuid
$$
"""


def upgrade() -> None:
    """Forward only."""
    op.execute(UUID7)
