"""Large values: blobs beside the rows of steps, references to them, and puts that nobody has looked at yet."""

from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None

COLUMNS = """
ALTER TABLE execution_data ADD COLUMN input_blob json, ADD COLUMN input_preview text,
  ADD COLUMN output_blob json, ADD COLUMN output_preview text
"""

TABLES = """
-- Pieces of values that are too large for execution_data, packed by the application (zlib).
CREATE TABLE blobs (
  execution_id uuid NOT NULL, id uuid NOT NULL, place integer NOT NULL, size integer NOT NULL, packed bytea NOT NULL,
  PRIMARY KEY (execution_id, id, place)
) PARTITION BY RANGE (execution_id);
ALTER TABLE blobs ALTER packed SET STORAGE EXTERNAL;

-- Blobs on their way: a row is written before its blob, and goes once a row of execution_data refers to that, or once
-- none ever can: then the blob goes too. Never more than a few minutes' worth of rows.
CREATE TABLE blob_puts (
  execution_id uuid NOT NULL, id uuid NOT NULL, node text COLLATE "C" NOT NULL, item text COLLATE "C" NOT NULL,
  fence bigint NOT NULL, put_at timestamptz NOT NULL DEFAULT now(), PRIMARY KEY (execution_id, id));
CREATE INDEX blob_puts_at ON blob_puts (put_at);
"""

# Every week that has executions gets its partition.
PARTITIONS = """
DO $$
DECLARE week record; made text;
BEGIN
  FOR week IN
    SELECT c.relname, pg_get_expr(c.relpartbound, c.oid) AS bounds
    FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid
    WHERE i.inhparent = 'executions'::regclass
  LOOP
    made := 'blobs' || substr(week.relname, length('executions') + 1);
    EXECUTE format('CREATE TABLE %I (LIKE blobs INCLUDING ALL) WITH (autovacuum_vacuum_scale_factor = 0.05)', made);
    EXECUTE format('ALTER TABLE blobs ATTACH PARTITION %I %s', made, week.bounds);
  END LOOP;
END $$
"""


def upgrade() -> None:
    """Forward only. Values that are in execution_data already stay there."""
    for statement in (COLUMNS, TABLES, PARTITIONS):
        op.execute(statement)
