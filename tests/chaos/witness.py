"""A witness inside the database: triggers that write down every change of state, in the transaction that made it.

What the product says of itself is then compared with what was seen to happen.
"""

from typing import Any

import psycopg

INSTALL = """
CREATE TABLE witness (
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, at timestamptz NOT NULL DEFAULT clock_timestamp(),
  execution_id uuid NOT NULL, node text, item text, attempt int, before text, after text NOT NULL);
CREATE FUNCTION witness_execution() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
  IF TG_OP = 'INSERT' THEN
    INSERT INTO witness (execution_id, after) VALUES (NEW.id, NEW.state);
  ELSIF NEW.state <> OLD.state THEN
    INSERT INTO witness (execution_id, before, after) VALUES (NEW.id, OLD.state, NEW.state);
  END IF;
  RETURN NULL; END $$;
CREATE FUNCTION witness_step() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
  IF TG_OP = 'INSERT' THEN
    INSERT INTO witness (execution_id, node, item, attempt, after)
    VALUES (NEW.execution_id, NEW.node, NEW.item, NEW.attempt, NEW.state);
  ELSIF NEW.state <> OLD.state OR NEW.attempt <> OLD.attempt THEN
    INSERT INTO witness (execution_id, node, item, attempt, before, after)
    VALUES (NEW.execution_id, NEW.node, NEW.item, NEW.attempt, OLD.state, NEW.state);
  END IF;
  RETURN NULL; END $$;
CREATE TRIGGER witness AFTER INSERT OR UPDATE ON executions FOR EACH ROW EXECUTE FUNCTION witness_execution();
CREATE TRIGGER witness AFTER INSERT OR UPDATE ON steps FOR EACH ROW EXECUTE FUNCTION witness_step();
"""

COMPLETED_TWICE = """
SELECT execution_id, node || ' ' || item || ' attempt ' || attempt || ': ' || string_agg(before || '→' || after, ', ')
FROM witness WHERE before = 'running' AND node IS NOT NULL
GROUP BY execution_id, node, item, attempt HAVING count(*) > 1
"""
"""Steps of which more than one outcome of the same attempt was accepted."""

TERMINAL_LEFT = """
SELECT execution_id, coalesce(node || ' ' || item, 'execution') || ': ' || before || '→' || after FROM witness
WHERE before IN ('success', 'failed', 'canceled', 'skipped')
"""
"""Terminal states that changed, of executions and of steps."""

UNKNOWN_TRANSITION = """
SELECT execution_id, coalesce(node || ' ' || item, 'execution') || ': ' || before || '→' || after FROM witness
WHERE before IS NOT NULL AND before <> after AND (node IS NULL, before, after) NOT IN (
  SELECT * FROM unnest(%(executions)s::bool[], %(before)s::text[], %(after)s::text[]))
"""
"""Changes that no chain of transitions in the state tables explains."""

CLAIMED_WRONGLY = """
SELECT execution_id, node || ' ' || item || ': claim of attempt ' || attempt || ' after ' || before FROM (
  SELECT *, lag(attempt) OVER (PARTITION BY execution_id, node, item ORDER BY id) AS former FROM witness
  WHERE node IS NOT NULL) AS w
WHERE after = 'running' AND (before <> 'ready' OR attempt <> former + 1)
"""
"""Claims of steps that were not ready, or whose attempt is not the next one."""

STARTED_AFTER_STOP = """
SELECT s.execution_id, s.node || ' ' || s.item || ' began ' || s.started_at - e.stop_requested_at || ' after the stop'
FROM steps s JOIN executions e ON e.id = s.execution_id
WHERE e.stopping IS NOT NULL AND s.started_at > e.stop_requested_at
"""
"""Steps that began after their execution was stopped, by a cancel or a failure."""


def install(connection: psycopg.Connection[Any]) -> None:
    """Put the witness into a new database."""
    connection.execute(INSTALL)
