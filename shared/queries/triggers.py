"""Triggers as the API shows them: what they are, when they are due, what became of their firings."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

import psycopg
from psycopg.rows import class_row

from shared import ids
from shared.db import schedules, triggers, webhooks
from shared.db.fires import NO_SOURCE
from shared.db.schedules import Schedule
from shared.db.triggers import Trigger
from shared.domain.triggers.moments import to_ms
from shared.domain.triggers.schedule import TYPE
from shared.domain.triggers.sentence import sentence_of
from shared.domain.triggers.timing import timing_of
from shared.domain.triggers.webhook import TYPE as WEBHOOK
from shared.queries.shapes import ms

NEXT_RUNS = 10
LAST_FIRES = 10
OVERDUE_MS = 5_000
"""A schedule that is so late while nothing stops it has no clockwork to fire it."""

_COLUMNS = "trigger_id, fire_at, source_id, cause, outcome, reason, count, execution_id, recorded_at"
LAST = f"""
SELECT f.* FROM unnest(%(ids)s::uuid[]) AS t(id) CROSS JOIN LATERAL (
  SELECT {_COLUMNS} FROM trigger_fires WHERE trigger_id = t.id ORDER BY fire_at DESC, source_id DESC LIMIT %(limit)s) AS f
"""
WAITING = """
SELECT trigger_id, count(*) FROM trigger_fires WHERE outcome = 'waiting' AND trigger_id = ANY(%s) GROUP BY trigger_id
"""
PAGE = f"""
SELECT {_COLUMNS} FROM trigger_fires
WHERE trigger_id = %(id)s AND (%(at)s::timestamptz IS NULL OR (fire_at, source_id) < (%(at)s, %(source)s::uuid))
  AND (%(outcomes)s::text[] IS NULL OR outcome = ANY(%(outcomes)s))
ORDER BY fire_at DESC, source_id DESC LIMIT %(limit)s
"""


@dataclass(frozen=True, slots=True)
class FireRow:
    """A firing and what became of it."""

    trigger_id: UUID
    fire_at: datetime
    source_id: UUID
    cause: str
    outcome: str
    reason: str
    count: int
    execution_id: UUID | None
    recorded_at: datetime


def listed(
    connection: psycopg.Connection[Any], workflow_id: UUID, *, enabled: bool, base_url: str | None
) -> list[dict[str, Any]]:
    """The triggers of a workflow's published version, by key. `enabled`: whether the workflow is."""
    return shapes(connection, triggers.of_workflow(connection, workflow_id), enabled=enabled, base_url=base_url)


def shapes(
    connection: psycopg.Connection[Any], found: Sequence[Trigger], *, enabled: bool, base_url: str | None
) -> list[dict[str, Any]]:
    """Triggers with their next runs and last firings, and the addresses of webhooks below `base_url`; None: not to be told."""
    wanted = [trigger.id for trigger in found]
    timed = schedules.of_triggers(connection, wanted)
    waiting: Mapping[UUID, int] = dict(connection.execute(WAITING, (wanted,)).fetchall())
    last: dict[UUID, list[dict[str, Any]]] = {id: [] for id in wanted}
    with connection.cursor(row_factory=class_row(FireRow)) as cursor:
        for row in cursor.execute(LAST, {"ids": wanted, "limit": LAST_FIRES}):
            last[row.trigger_id].append(fire_shape(row))
    hooks = [] if base_url is None else [trigger.id for trigger in found if trigger.type == WEBHOOK]
    urls = webhooks.urls(connection, base_url or "", hooks) if hooks else {}
    now = to_ms(schedules.clock(connection))
    made = []
    for trigger in found:
        shape = _shape(trigger) | {
            "waiting": waiting.get(trigger.id, 0),
            "fires": last[trigger.id],
            "url": urls.get(trigger.id),
        }
        if trigger.type == TYPE and trigger.id in timed:
            runs = enabled and trigger.paused_at is None
            shape["schedule"] = _schedule(trigger, timed[trigger.id], now, runs=runs)
        made.append(shape)
    return made


def fires_page(
    connection: psycopg.Connection[Any],
    trigger_id: UUID,
    *,
    outcomes: Sequence[str],
    before: tuple[datetime, UUID] | None,
    limit: int,
) -> tuple[list[dict[str, Any]], str | None]:
    """At most `limit` firings earlier than `before`, the latest first, and the cursor of the next page."""
    at, source = before or (None, NO_SOURCE)
    values = {"id": trigger_id, "at": at, "source": source, "outcomes": list(outcomes) or None, "limit": limit}
    with connection.cursor(row_factory=class_row(FireRow)) as cursor:
        rows = cursor.execute(PAGE, values).fetchall()
    following = cursor_of(rows[-1]) if len(rows) == limit else None
    return [fire_shape(row) for row in rows], following


def cursor_of(row: FireRow) -> str:
    """Where a page ended."""
    return f"{row.fire_at.isoformat()}~{row.source_id}"


def parse_cursor(text: str) -> tuple[datetime, UUID]:
    """Raises ValueError for a text that is no cursor."""
    moment, _, source = text.partition("~")
    at = datetime.fromisoformat(moment)
    if at.tzinfo is None:
        raise ValueError("no offset")
    return at, UUID(source)


def fire_shape(row: FireRow) -> dict[str, Any]:
    """A firing. `late` in ms, of those that the schedule itself brought about."""
    late = max(0, (ms(row.recorded_at) or 0) - (ms(row.fire_at) or 0))
    source = None if row.source_id == NO_SOURCE else ids.encode(ids.EXECUTION, row.source_id)
    return {
        "at": ms(row.fire_at),
        "outcome": row.outcome,
        "cause": row.cause,
        "reason": row.reason or None,
        "count": row.count,
        "executionId": None if row.execution_id is None else ids.encode(ids.EXECUTION, row.execution_id),
        "sourceId": source,
        "recordedAt": ms(row.recorded_at),
        "late": late if row.cause == "schedule" else None,
    }


def _shape(trigger: Trigger) -> dict[str, Any]:
    return {
        "id": ids.encode(ids.TRIGGER, trigger.id),
        "key": trigger.key,
        "type": trigger.type,
        "name": trigger.name,
        "config": trigger.config,
        "version": trigger.version,
        "paused": trigger.paused_at is not None,
        "pausedAt": ms(trigger.paused_at),
    }


def _schedule(trigger: Trigger, timed: Schedule, now: int, *, runs: bool) -> dict[str, Any]:
    timing = timing_of(trigger.config, to_ms(timed.anchor))
    try:
        following = timing.upcoming(now, NEXT_RUNS) if runs and timed.next_at is not None else []
    except KeyError:  # a time zone that this host does not know any more: clockwork puts it down when it is due
        following = []
    due = ms(timed.next_at)
    return {
        "sentence": sentence_of(timing),
        "nextAt": following[0] if following else None,
        "nextRuns": following,
        "lastAt": ms(timed.last_at),
        "overdueSince": due if runs and due is not None and now - due > OVERDUE_MS else None,
    }
