"""The ledger of AI calls, what was used by day for budgets, the budgets, and the cost beside the tokens everywhere."""

from alembic import op

revision = "0015"
down_revision = "0014"
branch_labels = None
depends_on = None

TABLES = """
-- One row for each call of a model whose attempt's outcome arrived. `call` counts the calls of an attempt, which its fence
-- names. Tokens are NULL where the provider did not say, the cost (nano-dollars) where there is no price. `late`: the outcome
-- was stale, so it is shown apart and is in no statistics.
CREATE TABLE ai_ledger (
  execution_id uuid NOT NULL, node text COLLATE "C" NOT NULL, item text COLLATE "C" NOT NULL, fence bigint NOT NULL,
  call smallint NOT NULL, attempt smallint NOT NULL, late boolean NOT NULL,
  workflow_id uuid NOT NULL, user_id uuid NOT NULL, at timestamptz NOT NULL DEFAULT clock_timestamp(),
  provider text NOT NULL, model text NOT NULL, input_tokens bigint, output_tokens bigint, cached_tokens bigint,
  cost_nano bigint, PRIMARY KEY (execution_id, node, item, fence, call));

-- What each call used, once more: clockwork folds it into ai_days. Both survive the executions, so a budget knows of all
-- that was used in its period.
CREATE TABLE ai_delta (
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, workflow_id uuid NOT NULL, user_id uuid NOT NULL,
  at timestamptz NOT NULL, tokens bigint NOT NULL, cost_nano bigint NOT NULL, unpriced smallint NOT NULL);
CREATE TABLE ai_days (
  day date NOT NULL, workflow_id uuid NOT NULL, user_id uuid NOT NULL, calls bigint NOT NULL, tokens bigint NOT NULL,
  cost_nano bigint NOT NULL, unpriced bigint NOT NULL, PRIMARY KEY (workflow_id, day, user_id));
CREATE INDEX ai_days_user ON ai_days (user_id, day);

CREATE TABLE ai_budgets (
  scope text NOT NULL CHECK (scope IN ('workflow', 'user')), target_id uuid NOT NULL,
  period text NOT NULL CHECK (period IN ('day', 'month')), max_tokens bigint, max_cost_nano bigint,
  updated_at timestamptz NOT NULL DEFAULT now(), updated_by uuid NOT NULL REFERENCES users,
  PRIMARY KEY (scope, target_id, period), CHECK (max_tokens IS NOT NULL OR max_cost_nano IS NOT NULL));
"""

# Nothing is rewritten: the default is kept beside the table.
COLUMNS = """
ALTER TABLE executions ADD COLUMN ai_cost_nano bigint NOT NULL DEFAULT 0,
  ADD COLUMN child_ai_cost_nano bigint NOT NULL DEFAULT 0;
ALTER TABLE subruns ADD COLUMN ai_cost_nano bigint NOT NULL DEFAULT 0;
ALTER TABLE stats_delta ADD COLUMN ai_cost_nano bigint NOT NULL DEFAULT 0;
ALTER TABLE stats_totals ADD COLUMN ai_cost_nano bigint NOT NULL DEFAULT 0;
ALTER TABLE stats_hourly ADD COLUMN ai_cost_nano bigint NOT NULL DEFAULT 0;
ALTER TABLE stats_pruned ADD COLUMN ai_cost_nano bigint NOT NULL DEFAULT 0;
"""


def upgrade() -> None:
    """Forward only. What was used before has no cost."""
    for statement in (TABLES, COLUMNS):
        op.execute(statement)
