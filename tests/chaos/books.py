"""What must be true at the end: every promise that the API made, against the rows, the witness and the outside world."""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import psycopg

from shared import ids
from shared.domain.states import EXECUTION, STEP
from shared.queries import executions
from shared.queries.shapes import Viewer
from shared.queries.stats import counted, overview, recount
from tests.chaos import witness
from tests.chaos.effects import Effects
from tests.chaos.kinds import DOWN, DRAWN, LIMITED, SLOTS, tokens_of
from tests.chaos.load import Accepted

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


@dataclass(frozen=True, slots=True)
class Finding:
    """Something that is not as it should be. `execution` is None where no single one is to blame."""

    what: str
    execution: UUID | None
    text: str


LOST, OUTPUT, TWICE, CHANGED, COUNTS, CANCEL, OTHER = (
    "lost",
    "wrong ends",
    "completed twice",
    "changed ends",
    "wrong statistics",
    "cancels",
    "other",
)
KINDS = (LOST, OUTPUT, TWICE, CHANGED, COUNTS, CANCEL, OTHER)


def audit(
    connection: psycopg.Connection[Any], accepted: Sequence[Accepted], effects: Effects, workflows: dict[str, UUID]
) -> list[Finding]:
    """Everything that can be said at the end. `workflows`: by the names of their kinds."""
    rows = dict(connection.execute(STATES).fetchall())
    found = [*_promises(accepted, rows), *_ends(connection, accepted, rows)]
    for what, query in (
        (TWICE, witness.COMPLETED_TWICE),
        (CHANGED, witness.TERMINAL_LEFT),
        (CANCEL, witness.STARTED_AFTER_STOP),
        (OTHER, witness.CLAIMED_WRONGLY),
        (COUNTS, WRONG_COUNTERS),
        (OTHER, LEFT_OPEN),
        (OTHER, ATTEMPTS),
        (TWICE, CHILDREN),
        (COUNTS, USE_OF_CHILDREN),
    ):
        found += [Finding(what, *row) for row in connection.execute(query)]
    found += [Finding(OTHER, *row) for row in connection.execute(witness.UNKNOWN_TRANSITION, _transitions())]
    found += [Finding(OTHER, *row) for row in connection.execute(FOLLOWED, {"workflow": workflows[DOWN]})]
    found += [
        Finding(OTHER, *row) for row in connection.execute(TOO_MANY, {"workflow": workflows[LIMITED], "slots": SLOTS})
    ]
    found += [Finding(TWICE, None, f"request {row[1]} made {row[2]} executions") for row in connection.execute(NUMBERS)]
    return [*found, *_attempts(connection), *_effects(connection, effects), *_statistics(connection)]


def _promises(accepted: Sequence[Accepted], rows: dict[UUID, str]) -> Iterator[Finding]:
    """Whatever was accepted is there and over; whatever was canceled is canceled."""
    for each in accepted:
        state = rows.get(each.id, "missing")
        if state not in ("success", "failed", "canceled"):
            yield Finding(LOST, each.id, f"{each.kind.name} {each.number} is {state}")
        elif each.cancel in (200, 202) and state != "canceled":
            yield Finding(CANCEL, each.id, f"{each.kind.name} {each.number} is {state} after a {each.cancel}")
        elif each.cancel == 409 and state == "canceled":
            yield Finding(CANCEL, each.id, f"{each.kind.name} {each.number} is canceled after a 409")


def _ends(
    connection: psycopg.Connection[Any], accepted: Sequence[Accepted], rows: dict[UUID, str]
) -> Iterator[Finding]:
    """Status, output, the outputs of all steps and the error are those that a sequential program would give."""
    for each in accepted:
        expected, state = each.kind.expected(each.number), rows.get(each.id, "missing")
        if each.kind.canceled:
            continue
        name = f"{each.kind.name} {each.number}"
        if state != expected.status:
            yield Finding(OUTPUT, each.id, f"{name} is {state}, not {expected.status}")
            continue
        row = executions.row(connection, each.id, Viewer(each.id, everything=True))
        assert row is not None
        record = executions.detail(connection, row)
        if expected.output is not DRAWN and record.get("output") != expected.output:
            yield Finding(OUTPUT, each.id, f"{name} gave {record.get('output')}, not {expected.output}")
        if expected.code and record["error"]["code"] != expected.code:
            yield Finding(OUTPUT, each.id, f"{name} has the error {record['error']}, not {expected.code}")
        left = {(row[0], row[1]): row[2] for row in connection.execute(OUTPUTS, (each.id,))}
        for key, output in expected.outputs.items():
            if output is not None and left.get(key) != output:
                yield Finding(OUTPUT, each.id, f"{name}, step {key} gave {left.get(key)}, not {output}")


def _attempts(connection: psycopg.Connection[Any]) -> Iterator[Finding]:
    """The result of a step is that of its last attempt, never that of one that was given up."""
    for id, node, item, attempt, output in connection.execute(DRAWN_TOKENS):
        key = f"{ids.encode(ids.EXECUTION, id)}:{node}:{item}"
        if output["tokens"] != tokens_of(key, attempt):
            yield Finding(TWICE, id, f"{node}: the result is not that of attempt {attempt}")


def _effects(connection: psycopg.Connection[Any], effects: Effects) -> Iterator[Finding]:
    """Every step that succeeded was heard of outside; nothing was called more often than it was attempted."""
    nodes = ["first", "second", "third", "flaky", "down", "call"]
    calls, known = effects.calls, set()
    for id, node, item, attempt, state in connection.execute(CALLING, (nodes,)):
        key = f"{ids.encode(ids.EXECUTION, id)}:{node}:{item}"
        known.add(key)
        if state == "success" and calls[key] == 0:
            yield Finding(OTHER, id, f"{node} succeeded, but nobody was called")
        if calls[key] > attempt:
            yield Finding(OTHER, id, f"{node}: {calls[key]} calls in {attempt} attempts")
    for key in calls.keys() - known:
        yield Finding(OTHER, None, f"a call of a step that never began: {key}")


def _statistics(connection: psycopg.Connection[Any]) -> Iterator[Finding]:
    """Totals, hours and histograms all tell of the same executions."""
    yield from differences(connection)
    row = connection.execute(STATISTICS).fetchone()
    assert row is not None
    unfolded, totals, hours, waits, ended, started = (int(value) for value in row)
    if (unfolded, totals, hours, waits) != (0, ended, ended, started):
        text = f"{unfolded} unfolded, {totals} in totals, {hours} in hours, {waits} waits; {ended} ended, {started} started"
        yield Finding(COUNTS, None, text)
    shown = overview(connection)
    if (shown["totalExecutions"], shown["running"]) != (ended, 0):
        yield Finding(COUNTS, None, f"the overview says {shown}")


def differences(connection: psycopg.Connection[Any]) -> Iterator[Finding]:
    """Where the statistics and a recount differ; of one moment if the caller's transaction has one snapshot."""
    says, is_so = counted(connection), recount(connection)
    for key in says.keys() | is_so.keys():
        if says.get(key) != is_so.get(key):
            yield Finding(COUNTS, None, f"statistics {says.get(key)}, recount {is_so.get(key)}")


def _transitions() -> dict[str, list[Any]]:
    """Every pair of states that a chain of transitions connects: a transaction may make several."""
    pairs = [(True, *pair) for pair in _closure({(a.value, b.value) for (a, _), b in EXECUTION.items()})]
    pairs += [(False, *pair) for pair in _closure({(a.value, b.value) for (a, _), b in STEP.items()})]
    kinds, before, after = zip(*pairs, strict=True)
    return {"executions": list(kinds), "before": list(before), "after": list(after)}


def _closure(pairs: set[tuple[str, str]]) -> set[tuple[str, str]]:
    while more := {(a, d) for a, b in pairs for c, d in pairs if b == c} - pairs:
        pairs = pairs | more
    return pairs


def by_round(findings: Sequence[Finding], accepted: Sequence[Accepted]) -> dict[int | None, Counter[str]]:
    """Findings of each kind by round; None where no round is known."""
    rounds = {each.id: each.round for each in accepted}
    found: dict[int | None, Counter[str]] = {}
    for finding in findings:
        place = None if finding.execution is None else rounds.get(finding.execution)
        found.setdefault(place, Counter())[finding.what] += 1
    return found
