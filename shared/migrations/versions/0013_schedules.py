"""When schedules are due, which runs are followed, and what became of every firing of a trigger."""

from alembic import op

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None

# One row a schedule. `next_at` NULL: never again. `anchor`: from where an interval counts. `timing`: what both were computed of.
# `turn_at`: when clockwork looked at it last, so that all take turns.
SCHEDULES = """
CREATE TABLE schedules (
  trigger_id uuid PRIMARY KEY REFERENCES triggers, timing text NOT NULL, anchor timestamptz NOT NULL,
  next_at timestamptz, last_at timestamptz, turn_at timestamptz NOT NULL DEFAULT '-infinity');
CREATE INDEX schedules_due ON schedules (next_at) WHERE next_at IS NOT NULL;
"""

# Which trigger waits for the ends of whose runs. `run_id` of a row of statistics is the execution that ended (NULL in rows
# that add something later): the roll-up, which sees each end once, puts down the firings of those that are followed.
FOLLOWS = """
CREATE TABLE follows (trigger_id uuid PRIMARY KEY REFERENCES triggers, workflow_id uuid NOT NULL, ends text[] NOT NULL);
CREATE INDEX follows_workflow ON follows (workflow_id);
ALTER TABLE stats_delta ADD COLUMN run_id uuid;
"""

# A firing happens once: its key is the moment, and for a run that is followed that run. One that waits is started by clockwork.
# `count`: a missed one stands for so many, itself the last of them.
FIRES = """
CREATE TABLE trigger_fires (
  trigger_id uuid NOT NULL REFERENCES triggers, fire_at timestamptz NOT NULL,
  source_id uuid NOT NULL DEFAULT '00000000-0000-0000-0000-000000000000',
  cause text NOT NULL CHECK (cause IN ('schedule', 'backfill', 'manual', 'execution')),
  outcome text NOT NULL CHECK (outcome IN ('waiting', 'started', 'skipped', 'missed', 'failed')),
  reason text NOT NULL DEFAULT '', count integer NOT NULL DEFAULT 1, execution_id uuid,
  recorded_at timestamptz NOT NULL DEFAULT clock_timestamp(), PRIMARY KEY (trigger_id, fire_at, source_id));
CREATE INDEX trigger_fires_waiting ON trigger_fires (cause, recorded_at) WHERE outcome = 'waiting';
CREATE INDEX trigger_fires_execution ON trigger_fires (execution_id);
CREATE INDEX trigger_fires_runs ON trigger_fires (trigger_id, execution_id) WHERE execution_id IS NOT NULL;
CREATE INDEX trigger_fires_runless ON trigger_fires (recorded_at) WHERE execution_id IS NULL AND outcome <> 'waiting';
"""


def upgrade() -> None:
    """Forward only."""
    for script in (SCHEDULES, FOLLOWS, FIRES):
        op.execute(script)
