"""Dead letters as the API shows them: a list, groups by fingerprint, one with its step and execution."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

import psycopg
from psycopg.rows import class_row

from shared import ids
from shared.queries import executions, steps
from shared.queries.shapes import Viewer, ms, step_id

# Which letters: those that the viewer may see (as the executions) and that pass the filters. A letter is never older
# than its failure, so `since` bounds the ids too.
_MATCHING = """
FROM dead_letters d JOIN workflows w ON w.id = d.workflow_id
WHERE (%(everything)s OR d.user_id = %(viewer)s OR w.owner_id = %(viewer)s OR w.shared)
  AND (%(workflow_id)s::uuid IS NULL OR d.workflow_id = %(workflow_id)s::uuid)
  AND (%(code)s::text IS NULL OR d.code = %(code)s::text)
  AND (%(fingerprint)s::text IS NULL OR d.fingerprint = %(fingerprint)s::text)
  AND (%(state)s::text IS NULL OR d.state = %(state)s::text)
  AND (%(since)s::bigint IS NULL OR (d.failed_at >= to_timestamp(%(since)s::bigint / 1000.0)
       AND d.id >= uuid7_floor(to_timestamp(%(since)s::bigint / 1000.0))))
  AND (%(until)s::bigint IS NULL OR d.failed_at < to_timestamp(%(until)s::bigint / 1000.0))
"""
_COLUMNS = """
d.id, d.execution_id, d.workflow_id, w.name AS workflow_name, d.node, d.item, d.step, d.code, d.message, d.fingerprint,
d.failed_at, d.state, d.redriven_as, d.closed_at, d.closed_by
"""
PAGE = f"""
SELECT {_COLUMNS} {_MATCHING} AND (%(before)s::uuid IS NULL OR d.id < %(before)s::uuid)
ORDER BY d.id DESC LIMIT %(limit)s
"""
ONE = f"""
SELECT {_COLUMNS} FROM dead_letters d JOIN workflows w ON w.id = d.workflow_id
WHERE d.id = %(id)s AND (%(everything)s OR d.user_id = %(viewer)s OR w.owner_id = %(viewer)s OR w.shared)
"""
# Letters of one cause, with the newest as a sample; the group with the newest letter first. A page looks at so many of the
# newest letters only, `among` (null: at all of them).
GROUPS = f"""
SELECT g.count, g.open, g.first_at, g.last_at, {_COLUMNS} FROM (
  SELECT d.fingerprint, count(*) AS count, count(*) FILTER (WHERE d.state = 'open') AS open,
    min(d.failed_at) AS first_at, max(d.failed_at) AS last_at, max(d.id::text)::uuid AS newest
  FROM (SELECT d.id, d.fingerprint, d.state, d.failed_at {_MATCHING} ORDER BY d.id DESC LIMIT %(among)s::bigint) AS d
  GROUP BY d.fingerprint) AS g
JOIN dead_letters d ON d.id = g.newest JOIN workflows w ON w.id = d.workflow_id
WHERE (%(before)s::uuid IS NULL OR d.id < %(before)s::uuid)
ORDER BY d.id DESC LIMIT %(limit)s
"""
# What a redrive takes next, the oldest first, and how many there are behind them.
NEXT = f"""
SELECT d.id, d.execution_id {_MATCHING} AND (%(after)s::uuid IS NULL OR d.id > %(after)s::uuid)
ORDER BY d.id LIMIT %(limit)s
"""
NOW = "SELECT ceil(extract(epoch FROM clock_timestamp()) * 1000)::bigint"
BEHIND = f"SELECT count(*) {_MATCHING} AND d.id > %(after)s::uuid"

# Open ones that the viewer may see, among the newest: every page of the dashboard asks.
COUNT_OPEN = """
SELECT count(*) FROM (
  SELECT 1 FROM (SELECT workflow_id, user_id FROM dead_letters WHERE state = 'open' ORDER BY id DESC LIMIT %(looked_at)s) AS d
  JOIN workflows w ON w.id = d.workflow_id
  WHERE %(everything)s OR d.user_id = %(viewer)s OR w.owner_id = %(viewer)s OR w.shared LIMIT %(limit)s) AS open
"""
COUNT_AMONG = 5_000


@dataclass(frozen=True, slots=True)
class Filters:
    """Which letters; None means any. Times in ms since the epoch, `since` included, `until` not."""

    workflow_id: UUID | None = None
    code: str | None = None
    fingerprint: str | None = None
    state: str | None = None
    since: int | None = None
    until: int | None = None


@dataclass(frozen=True, slots=True)
class LetterRow:
    """What `_COLUMNS` selects."""

    id: UUID
    execution_id: UUID
    workflow_id: UUID
    workflow_name: str
    node: str | None
    item: str | None
    step: str | None
    code: str
    message: str
    fingerprint: str
    failed_at: datetime
    state: str
    redriven_as: UUID | None
    closed_at: datetime | None
    closed_by: UUID | None


@dataclass(frozen=True, slots=True)
class GroupRow(LetterRow):
    """What `GROUPS` selects: the newest letter of a group, and its numbers."""

    count: int
    open: int
    first_at: datetime
    last_at: datetime


def page(
    connection: psycopg.Connection[Any], filters: Filters, viewer: Viewer, *, before: UUID | None, limit: int
) -> list[dict[str, Any]]:
    """At most `limit` letters written before `before`, newest first."""
    values = _values(filters, viewer) | {"before": before, "limit": limit}
    with connection.cursor(row_factory=class_row(LetterRow)) as cursor:
        return [shape(row) for row in cursor.execute(PAGE, values)]


def groups(
    connection: psycopg.Connection[Any],
    filters: Filters,
    viewer: Viewer,
    *,
    before: UUID | None,
    limit: int,
    among: int | None = None,
) -> list[tuple[UUID, dict[str, Any]]]:
    """At most `limit` groups whose newest letter is before `before`, each with the id of that letter.

    `among`: of so many of the newest letters; None: of all.
    """
    values = _values(filters, viewer) | {"before": before, "limit": limit, "among": among}
    with connection.cursor(row_factory=class_row(GroupRow)) as cursor:
        return [(row.id, _group(row)) for row in cursor.execute(GROUPS, values)]


def one(connection: psycopg.Connection[Any], letter_id: UUID, viewer: Viewer) -> LetterRow | None:
    """The letter if the viewer may see it."""
    values = {"id": letter_id, "viewer": viewer.user_id, "everything": viewer.everything}
    with connection.cursor(row_factory=class_row(LetterRow)) as cursor:
        return cursor.execute(ONE, values).fetchone()


def detail(connection: psycopg.Connection[Any], letter: LetterRow, viewer: Viewer) -> dict[str, Any]:
    """The letter with the record of its execution and, unless the run failed as a whole, the step that failed."""
    execution = executions.row(connection, letter.execution_id, viewer)
    found = shape(letter) | {"execution": None, "failedStep": None}
    if execution is not None:
        found["execution"] = executions.record(connection, execution)
        if letter.node is not None:
            found["failedStep"] = steps.one(connection, execution, step_id(letter.node, letter.item or ""))
    return found


def count_open(connection: psycopg.Connection[Any], viewer: Viewer, limit: int) -> int:
    """How many of the newest 5,000 open letters the viewer may see; never above `limit`."""
    values = {"viewer": viewer.user_id, "everything": viewer.everything, "limit": limit, "looked_at": COUNT_AMONG}
    row = connection.execute(COUNT_OPEN, values).fetchone()
    return int(row[0]) if row is not None else 0


def now_ms(connection: psycopg.Connection[Any]) -> int:
    """The database's time, ms since the epoch, rounded up: what has failed by now failed before it."""
    row = connection.execute(NOW).fetchone()
    assert row is not None  # noqa: S101 - a SELECT without FROM has one row
    return int(row[0])


def following(
    connection: psycopg.Connection[Any], filters: Filters, viewer: Viewer, *, after: UUID | None, limit: int
) -> list[tuple[UUID, UUID]]:
    """The ids of at most `limit` letters written after `after`, oldest first, each with its execution."""
    values = _values(filters, viewer) | {"after": after, "limit": limit}
    return [(row[0], row[1]) for row in connection.execute(NEXT, values)]


def behind(connection: psycopg.Connection[Any], filters: Filters, viewer: Viewer, after: UUID) -> int:
    """How many letters were written after `after`."""
    row = connection.execute(BEHIND, _values(filters, viewer) | {"after": after}).fetchone()
    return int(row[0]) if row is not None else 0


def shape(letter: LetterRow) -> dict[str, Any]:
    """The API's dead letter; `stepId` and its like are None for a run that failed as a whole (its time ran out)."""
    return {
        "id": ids.encode(ids.LETTER, letter.id),
        "executionId": ids.encode(ids.EXECUTION, letter.execution_id),
        **_cause(letter),
        "stepId": None if letter.node is None else step_id(letter.node, letter.item or ""),
        "failedAt": ms(letter.failed_at),
        "state": letter.state,
        "redrivenAs": None if letter.redriven_as is None else ids.encode(ids.EXECUTION, letter.redriven_as),
        "closedAt": ms(letter.closed_at),
        "closedBy": None if letter.closed_by is None else ids.encode(ids.USER, letter.closed_by),
    }


def _cause(letter: LetterRow) -> dict[str, Any]:
    return {
        "fingerprint": letter.fingerprint,
        "workflowId": ids.encode(ids.WORKFLOW, letter.workflow_id),
        "workflowName": letter.workflow_name,
        "nodeId": letter.node,
        "step": letter.step,
        "code": letter.code,
        "message": letter.message,
    }


def _group(row: GroupRow) -> dict[str, Any]:
    numbers = {"count": row.count, "open": row.open, "firstAt": ms(row.first_at), "lastAt": ms(row.last_at)}
    return _cause(row) | numbers | {"newestId": ids.encode(ids.LETTER, row.id)}


def _values(filters: Filters, viewer: Viewer) -> dict[str, Any]:
    return {
        "viewer": viewer.user_id,
        "everything": viewer.everything,
        "workflow_id": filters.workflow_id,
        "code": filters.code,
        "fingerprint": filters.fingerprint,
        "state": filters.state,
        "since": filters.since,
        "until": filters.until,
    }
