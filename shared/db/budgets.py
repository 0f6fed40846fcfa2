"""The budgets of workflows and users, and what was used of them: folded days and what is not folded yet, in one statement.

A day and a month begin at midnight UTC.
"""

from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

import psycopg

from shared.domain.budget import Limit, Standing

# What calls of this budget's period have used, from `b` and its period `p`.
_USED = """
CROSS JOIN LATERAL (
  SELECT date_trunc(b.period, now(), 'UTC') AS began_at,
    (date_trunc(b.period, now() AT TIME ZONE 'UTC') + ('1 ' || b.period)::interval) AT TIME ZONE 'UTC' AS ends_at) p
CROSS JOIN LATERAL (
  SELECT coalesce(sum(tokens), 0)::bigint AS tokens, coalesce(sum(cost_nano), 0)::bigint AS cost_nano,
    coalesce(sum(unpriced), 0)::bigint AS unpriced
  FROM (
    SELECT tokens, cost_nano, unpriced FROM ai_days
    WHERE b.scope = 'workflow' AND workflow_id = b.target_id AND day >= (p.began_at AT TIME ZONE 'UTC')::date
    UNION ALL
    SELECT tokens, cost_nano, unpriced FROM ai_days
    WHERE b.scope = 'user' AND user_id = b.target_id AND day >= (p.began_at AT TIME ZONE 'UTC')::date
    UNION ALL
    SELECT tokens, cost_nano, unpriced FROM ai_delta
    WHERE at >= p.began_at AND b.target_id = CASE b.scope WHEN 'workflow' THEN workflow_id ELSE user_id END) every) used
"""

OF_EXECUTION = f"""
SELECT b.scope, b.period, b.max_tokens, b.max_cost_nano, used.tokens, used.cost_nano, p.ends_at
FROM (SELECT workflow_id, user_id FROM executions WHERE id = %(id)s) e
JOIN ai_budgets b ON (b.scope = 'workflow' AND b.target_id = e.workflow_id)
  OR (b.scope = 'user' AND b.target_id = e.user_id)
{_USED} ORDER BY b.scope DESC, b.period
"""
"""Where the budgets stand that a run counts against: those of its workflow, and of who runs it."""

OF_RUN = """
SELECT e.child_ai_tokens + used.tokens, e.child_ai_cost_nano + used.cost_nano
FROM executions e CROSS JOIN LATERAL (
  SELECT coalesce(sum(coalesce(input_tokens, 0) + coalesce(output_tokens, 0)), 0)::bigint AS tokens,
    coalesce(sum(cost_nano), 0)::bigint AS cost_nano
  FROM ai_ledger WHERE execution_id = e.id) used
WHERE e.id = %(id)s
"""
"""What the calls of a run have used, and the runs that it has waited for."""

PAGE = f"""
SELECT b.scope, b.target_id, b.period, b.max_tokens, b.max_cost_nano, used.tokens, used.cost_nano, used.unpriced,
  p.began_at, p.ends_at, b.updated_at, b.updated_by
FROM (
  SELECT * FROM ai_budgets
  WHERE (%(scope)s::text IS NULL OR scope = %(scope)s) AND (%(target_id)s::uuid IS NULL OR target_id = %(target_id)s)
    AND (%(after_scope)s::text IS NULL
      OR (scope, target_id, period) > (%(after_scope)s, %(after_target)s::uuid, %(after_period)s))
  ORDER BY scope, target_id, period LIMIT %(limit)s) b
{_USED} ORDER BY b.scope, b.target_id, b.period
"""
"""Budgets by their key, with where each stands."""

SET = """
INSERT INTO ai_budgets (scope, target_id, period, max_tokens, max_cost_nano, updated_by)
VALUES (%(scope)s, %(target_id)s, %(period)s, %(max_tokens)s, %(max_cost_nano)s, %(user_id)s)
ON CONFLICT (scope, target_id, period) DO UPDATE SET max_tokens = excluded.max_tokens,
  max_cost_nano = excluded.max_cost_nano, updated_at = now(), updated_by = excluded.updated_by
"""
DELETE = "DELETE FROM ai_budgets WHERE scope = %(scope)s AND target_id = %(target_id)s AND period = %(period)s"

FOLD_LIMIT = 5_000
FOLD = """
WITH taken AS (
  DELETE FROM ai_delta WHERE id = ANY (ARRAY(SELECT id FROM ai_delta ORDER BY id LIMIT %(limit)s FOR UPDATE SKIP LOCKED))
  RETURNING workflow_id, user_id, (at AT TIME ZONE 'UTC')::date AS day, tokens, cost_nano, unpriced),
days AS (
  INSERT INTO ai_days AS t (day, workflow_id, user_id, calls, tokens, cost_nano, unpriced)
  SELECT day, workflow_id, user_id, count(*), sum(tokens), sum(cost_nano), sum(unpriced)
  FROM taken GROUP BY day, workflow_id, user_id ORDER BY workflow_id, day, user_id
  ON CONFLICT (workflow_id, day, user_id) DO UPDATE SET calls = t.calls + excluded.calls,
    tokens = t.tokens + excluded.tokens, cost_nano = t.cost_nano + excluded.cost_nano,
    unpriced = t.unpriced + excluded.unpriced),
totals AS (
  INSERT INTO ai_unpriced AS t (workflow_id, user_id, calls)
  SELECT workflow_id, user_id, sum(unpriced) FROM taken WHERE unpriced > 0
  GROUP BY workflow_id, user_id ORDER BY workflow_id, user_id
  ON CONFLICT (workflow_id, user_id) DO UPDATE SET calls = t.calls + excluded.calls)
SELECT count(*) FROM taken
"""
"""Move the oldest rows that nobody else is moving into their days; in key order, so two cannot wait for each other."""


class BudgetKey(NamedTuple):
    """Whose budget, for which period."""

    scope: str
    target_id: UUID
    period: str


class Budget(NamedTuple):
    """A row of `PAGE`."""

    scope: str
    target_id: UUID
    period: str
    max_tokens: int | None
    max_cost_nano: int | None
    used_tokens: int
    used_cost_nano: int
    unpriced: int
    began_at: datetime
    ends_at: datetime
    updated_at: datetime
    updated_by: UUID


def standings(connection: psycopg.Connection[Any], execution_id: UUID, of_run: Limit | None) -> list[Standing]:
    """Where every budget stands that a run counts against, its own first."""
    found = []
    if of_run is not None:
        row = connection.execute(OF_RUN, {"id": execution_id}).fetchone() or (0, 0)
        found.append(Standing("run", "run", of_run, row[0], row[1]))
    for scope, period, tokens, cost, *used in connection.execute(OF_EXECUTION, {"id": execution_id}):
        found.append(Standing(scope, period, Limit(tokens, cost), *used))
    return found


def page(
    connection: psycopg.Connection[Any],
    *,
    scope: str | None = None,
    target_id: UUID | None = None,
    after: BudgetKey | None = None,
    limit: int,
) -> list[Budget]:
    """At most `limit` budgets behind one, by scope, target and period."""
    last = after or (None, None, None)
    values = {"scope": scope, "target_id": target_id, "limit": limit}
    values |= dict(zip(("after_scope", "after_target", "after_period"), last, strict=True))
    return [Budget(*row) for row in connection.execute(PAGE, values)]


def put(connection: psycopg.Connection[Any], key: BudgetKey, limit: Limit, user_id: UUID) -> None:
    """Set a budget, in place of a former one."""
    values = {**key._asdict(), "max_tokens": limit.max_tokens, "max_cost_nano": limit.max_cost_nano, "user_id": user_id}
    connection.execute(SET, values)


def delete(connection: psycopg.Connection[Any], key: BudgetKey) -> bool:
    """Whether there was such a budget; it is gone now."""
    return connection.execute(DELETE, key._asdict()).rowcount == 1


def fold(connection: psycopg.Connection[Any], *, limit: int = FOLD_LIMIT) -> int:
    """Fold up to `limit` rows of use into days and totals; returns how many. No commit."""
    row = connection.execute(FOLD, {"limit": limit}).fetchone()
    return int(row[0]) if row is not None else 0
