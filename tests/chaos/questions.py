"""What the reckoning asks the database; each answers with executions that are not as they should be, and why."""

WRONG_COUNTERS = """
SELECT e.id, format('open %s/%s, waiting %s/%s, executed %s/%s, tokens %s/%s, calls %s/%s', e.open_steps, s.open,
  e.waiting_steps, s.waiting, e.steps_executed, s.executed, e.ai_tokens, s.tokens, e.api_calls, s.calls)
FROM executions e CROSS JOIN LATERAL (
  SELECT count(*) FILTER (WHERE state IN ('ready', 'running', 'retrying', 'waiting')) AS open,
    count(*) FILTER (WHERE state = 'waiting') AS waiting,
    (SELECT CASE WHEN bool_or(after = 'open' OR before = 'running' AND after = 'canceled' AND e.stopping IS NULL)
         THEN e.steps_executed  -- what a scope or a race gives up while it runs is not told apart here
         ELSE count(*) FILTER (WHERE before = 'running' AND after IN ('success', 'failed', 'canceled')) END
       FROM witness w WHERE w.execution_id = e.id AND w.node IS NOT NULL) AS executed,
    coalesce(sum(ai_tokens) FILTER (WHERE completed_at IS NOT NULL), 0)
      + (SELECT coalesce(sum(ai_tokens), 0) FROM step_attempts a WHERE a.execution_id = e.id) AS tokens,
    coalesce(sum(api_calls) FILTER (WHERE completed_at IS NOT NULL), 0)
      + (SELECT coalesce(sum(api_calls), 0) FROM step_attempts a WHERE a.execution_id = e.id) AS calls
  FROM steps WHERE execution_id = e.id) AS s
WHERE ((e.open_steps, e.waiting_steps, e.steps_executed, e.ai_tokens, e.api_calls)
    <> (s.open, s.waiting, s.executed, s.tokens, s.calls)
  OR e.completed_at IS NOT NULL AND e.open_steps <> 0)
"""
"""Executions whose counters differ from a count of their step rows and attempts; in any state.

What a step row has used counts when it is over: before, it is that of an attempt that was kept as well.
"""

WRONG_LIVE_COUNTERS = WRONG_COUNTERS + "AND e.completed_at IS NULL"
"""Those among the live ones: quick enough to ask all the time."""

LEFT_OPEN = """
SELECT s.execution_id, s.node || ' ' || s.item || ' is ' || s.state FROM steps s JOIN executions e ON e.id = s.execution_id
WHERE e.state IN ('success', 'failed', 'canceled') AND s.state NOT IN ('success', 'failed', 'skipped', 'canceled')
"""
"""Steps that are not over although their execution is."""

ATTEMPTS = """
SELECT s.execution_id, s.node || ' ' || s.item || ': attempt ' || s.attempt || ', ' || k.kept || ' kept'
FROM steps s CROSS JOIN LATERAL (
  SELECT count(*) AS kept FROM step_attempts a
  WHERE (a.execution_id, a.node, a.item) = (s.execution_id, s.node, s.item)) AS k
WHERE s.attempt > 0 AND s.completed_at IS NOT NULL AND s.state <> 'canceled'
  AND s.attempt <> k.kept + 1 + s.resumed::int
"""
"""Steps whose claims are not one each for the attempts that were kept, the wake after a wait, and the end."""

FOLLOWED = """
SELECT e.id, 'followed by ' || count(f.id) FROM executions e LEFT JOIN executions f ON f.parent_id = e.id
WHERE e.workflow_id = %(workflow)s AND e.state = 'failed'
GROUP BY e.id, e.on_failure HAVING count(f.id) <> 1 OR e.on_failure IS NOT NULL
"""
"""Failures that their failure workflow did not follow exactly once."""

CHILDREN = """
SELECT s.execution_id, s.node || ' ran ' || count(r.child_id) || ' children' FROM steps s LEFT JOIN subruns r
  ON (r.execution_id, r.node, r.item) = (s.execution_id, s.node, s.item)
WHERE s.node IN ('run1', 'run2') AND s.state = 'success'
GROUP BY s.execution_id, s.node HAVING count(r.child_id) <> 1
"""
"""Steps that run another workflow and did not run it exactly once."""

USE_OF_CHILDREN = """
SELECT e.id, format('%s tokens of children, not %s', e.child_ai_tokens, s.tokens) FROM executions e JOIN (
  SELECT r.execution_id, sum(c.ai_tokens + c.child_ai_tokens) AS tokens FROM subruns r JOIN executions c ON c.id = r.child_id
  WHERE r.waits GROUP BY r.execution_id) AS s ON s.execution_id = e.id
WHERE e.child_ai_tokens <> s.tokens
"""
"""Executions that do not know what the runs they waited for have used."""

TOO_MANY = """
SELECT x.id, count(*) || ' ran at once' FROM executions x JOIN executions y ON y.workflow_id = x.workflow_id
  AND y.started_at <= x.started_at AND (y.completed_at IS NULL OR y.completed_at > x.started_at)
WHERE x.workflow_id = %(workflow)s GROUP BY x.id HAVING count(*) > %(slots)s
"""
"""Runs that began although every slot of their workflow was taken."""

NUMBERS = """
SELECT e.workflow_id, (d.input->>'n')::int, count(*) FROM executions e JOIN execution_data d
  ON d.execution_id = e.id AND d.node = '' AND d.item = ''
WHERE e.trigger_type = 'api' GROUP BY e.workflow_id, (d.input->>'n')::int HAVING count(*) > 1
"""
"""Requests that made more than one execution."""

STATES = "SELECT id, state FROM executions"
OUTPUTS = "SELECT node, item, output FROM execution_data WHERE execution_id = %s AND node <> ''"
DRAWN_TOKENS = """
SELECT s.execution_id, s.node, s.item, s.attempt, d.output FROM steps s JOIN execution_data d
  ON (d.execution_id, d.node, d.item) = (s.execution_id, s.node, s.item)
WHERE s.node LIKE 'work%' AND s.state = 'success'
"""
CALLING = "SELECT execution_id, node, item, attempt, state FROM steps WHERE node = ANY(%s) AND attempt > 0"
STATISTICS = """
SELECT (SELECT count(*) FROM stats_delta),
  (SELECT coalesce(sum(success + failed + canceled), 0) FROM stats_totals),
  (SELECT coalesce(sum(success + failed + canceled), 0) FROM stats_hourly),
  (SELECT coalesce(sum(count), 0) FROM stats_histogram WHERE measure = 'queue_wait'),
  (SELECT count(*) FROM executions WHERE state IN ('success', 'failed', 'canceled')),
  (SELECT count(*) FROM executions WHERE completed_at IS NOT NULL AND started_at IS NOT NULL)
"""

LONGEST_WAITS = """
SELECT format('%s s: %s of %s, attempt %s, %s', round(extract(epoch FROM s.started_at - s.ready_at), 1), s.node, w.name,
  s.attempt, s.ready_at)
FROM steps s JOIN executions e ON e.id = s.execution_id JOIN workflows w ON w.id = e.workflow_id
WHERE s.started_at IS NOT NULL AND s.ready_at IS NOT NULL ORDER BY s.started_at - s.ready_at DESC LIMIT 20
"""
"""Which steps were ready for longest before a worker took them."""
