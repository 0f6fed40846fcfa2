"""What must be true of runs that were decided, called back, or retried by hand: one of two counts, and nothing is redone."""

from collections.abc import Iterator, Sequence
from typing import Any
from uuid import UUID

import psycopg

from tests.chaos.records import Accepted

Found = Iterator[tuple[UUID, str]]

ANSWERED = """
SELECT execution_id, node || ' was resumed ' || count(*) || ' times' FROM witness
WHERE node IN ('ask', 'hook') AND before = 'waiting' AND after = 'ready' GROUP BY execution_id, node HAVING count(*) > 1
"""
"""Steps whose wait was ended more than once."""

RETRIES = """
SELECT e.id, 'retried ' || count(r.id) || ' times' FROM executions e LEFT JOIN execution_retries r ON r.retry_of = e.id
WHERE e.workflow_id = %(workflow)s AND e.trigger_type = 'api' AND e.state = 'failed'
GROUP BY e.id HAVING count(r.id) <> 1
"""
"""Failed runs of the kind that is retried by hand which have no retry, or several for one Idempotency-Key."""

REUSED = """
SELECT r.id, format('%s is %s, attempt %s, reused from %s', s.node, s.state, s.attempt, s.reused_from)
FROM execution_retries r JOIN steps s ON s.execution_id = r.id AND s.node = 'kept'
JOIN execution_data mine ON (mine.execution_id, mine.node, mine.item) = (r.id, 'kept', '')
JOIN execution_data its ON (its.execution_id, its.node, its.item) = (r.retry_of, 'kept', '')
WHERE s.reused_from IS DISTINCT FROM r.retry_of OR s.attempt <> 0 OR s.state <> 'success'
  OR mine.output::text <> its.output::text
"""
"""Retries that ran again, or changed, what had succeeded before."""

LETTERS = """
SELECT d.execution_id, 'its dead letter is ' || d.state FROM dead_letters d
JOIN execution_retries r ON r.retry_of = d.execution_id
WHERE d.state <> 'redriven' OR d.redriven_as IS DISTINCT FROM r.id
"""
"""Dead letters of retried runs that do not name the retry."""


def twice(connection: psycopg.Connection[Any], accepted: Sequence[Accepted], retried: UUID) -> Found:
    """What was answered, or done, more than once. `retried`: the workflow whose runs are retried by hand."""
    yield from connection.execute(ANSWERED)
    yield from connection.execute(RETRIES, {"workflow": retried})
    for each in accepted:
        won = [told.what for told in each.told if told.status is not None and told.status < 300]
        if len(won) > 1:
            yield each.id, f"{each.kind.name} {each.number}: {won} were all accepted"


def wrong(connection: psycopg.Connection[Any], accepted: Sequence[Accepted]) -> Found:
    """Results that are not what was decided, called, or kept."""
    yield from connection.execute(REUSED)
    yield from connection.execute(LETTERS)
    for each in (one for one in accepted if one.told):
        output = _output(connection, each.id)
        won = [told.what for told in each.told if told.status is not None and told.status < 300]
        possible = won or [told.what for told in each.told]
        if output not in possible:
            yield each.id, f"{each.kind.name} {each.number} gave {output!r}, but was told {each.told}"


def _output(connection: psycopg.Connection[Any], id: UUID) -> Any:
    query = "SELECT output FROM execution_data WHERE execution_id = %s AND node = 'end'"
    row = connection.execute(query, (id,)).fetchone()
    return None if row is None else row[0]
