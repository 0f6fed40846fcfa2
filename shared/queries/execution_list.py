"""The list of executions: newest first, by filters, at the same speed however long the history is.

The filter that narrows most drives the search through its own index, `limit` ids for each of its values; the other
filters are checked on the way. Recent weeks are tried first, so that most pages touch one or two partitions.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from uuid import UUID

import psycopg

from shared import ids
from shared.db import users, workflows
from shared.queries import executions
from shared.queries.executions import LIVE_STATES
from shared.queries.shapes import Viewer, like_pattern

MAX_NAMES = 200
_FIRST_ID = UUID(int=0)
_TYPES = {"workflow_id": "uuid", "user_id": "uuid", "state": "text"}
_REACH = (timedelta(days=8), timedelta(days=64))

_STATUS = (
    "CASE WHEN e.stopping = 'cancel' AND e.state IN ('queued', 'running', 'waiting') THEN 'canceling' ELSE e.state END"
)
_VISIBLE = """
(e.user_id = %(viewer)s OR e.workflow_id IN (SELECT id FROM workflows WHERE owner_id = %(viewer)s OR shared))
"""
VISIBLE_WORKFLOWS = "SELECT id FROM workflows WHERE owner_id = %s OR shared"
# Every execution in the bounds that passes the conditions, newest first.
PLAIN = "SELECT e.id FROM executions e WHERE {conditions} ORDER BY e.id DESC LIMIT %(limit)s"
# The newest of each key through the key's index; the caller takes the newest of all.
BY_KEY = """
SELECT found.id FROM unnest(%({column}s)s::{type}[]) AS key CROSS JOIN LATERAL
  (SELECT e.id FROM executions e WHERE e.{column} = key AND {conditions} ORDER BY e.id DESC LIMIT %(limit)s) AS found
"""
# The ids of two moments, and one that is newer than every execution.
BOUNDS = """
SELECT uuid7_floor(to_timestamp(%s / 1000.0)), uuid7_floor(to_timestamp(%s / 1000.0)),
  uuid7_floor(clock_timestamp() + interval '1 minute')
"""


@dataclass(frozen=True, slots=True)
class Filters:
    """What to list; None or empty means any. Times in ms since the epoch, `since` included, `until` not."""

    statuses: tuple[str, ...] = ()
    workflow_id: UUID | None = None
    user_id: UUID | None = None
    triggers: tuple[str, ...] = ()
    search: str | None = None
    since: int | None = None
    until: int | None = None


def page(
    connection: psycopg.Connection[Any], filters: Filters, viewer: Viewer, *, before: UUID | None, limit: int
) -> list[dict[str, Any]]:
    """At most `limit` records older than `before`, newest first."""
    found = matching_ids(connection, filters, viewer, before=before, limit=limit)
    seen_already = Viewer(viewer.user_id, everything=True)
    return [executions.record(connection, row) for row in executions.rows(connection, found, seen_already)]


def matching_ids(
    connection: psycopg.Connection[Any], filters: Filters, viewer: Viewer, *, before: UUID | None, limit: int
) -> list[UUID]:
    """The ids of the page, newest first."""
    search = _Search(connection, filters, viewer)
    if search.impossible:
        return []
    low, high = _bounds(connection, filters, before)
    found: list[UUID] = []
    for reach in (*_REACH, None):
        floor = low if reach is None else max(low, _earlier(high, reach))
        found += search.run(floor, high, limit - len(found))
        if len(found) >= limit or floor == low:
            break
        high = floor
    return found


class _Search:
    """One list query: its conditions, and the key columns that drive it."""

    def __init__(self, connection: psycopg.Connection[Any], filters: Filters, viewer: Viewer) -> None:
        self._connection = connection
        self._conditions = ["e.id >= %(low)s", "e.id < %(high)s"]
        self._values: dict[str, Any] = {"viewer": viewer.user_id}
        self._drivers: dict[str, list[Any]] = {}
        self.impossible = False
        self._by_columns(filters)
        if filters.search is not None:
            self._by_text(filters.search)
        if not viewer.everything:
            self._by_visibility(viewer)
        if not self._drivers and filters.statuses:
            self._drivers["state"] = self._values["states"]

    def run(self, low: UUID, high: UUID, limit: int) -> list[UUID]:
        """At most `limit` ids from `low` (included) to `high` (not), newest first."""
        conditions = " AND ".join(self._conditions)
        values = self._values | self._keys() | {"low": low, "high": high, "limit": limit}
        if not self._drivers:
            return [row[0] for row in self._connection.execute(PLAIN.format(conditions=conditions), values)]
        parts = [BY_KEY.format(column=column, type=_TYPES[column], conditions=conditions) for column in self._drivers]
        query = f"{' UNION '.join(parts)} ORDER BY 1 DESC LIMIT %(limit)s"
        return [row[0] for row in self._connection.execute(query, values)]

    def _keys(self) -> dict[str, list[Any]]:
        return {f"{column}s": keys for column, keys in self._drivers.items()}

    def _by_columns(self, filters: Filters) -> None:
        if filters.statuses:
            states = [s for s in filters.statuses if s != "canceling"]
            live = LIVE_STATES if "canceling" in filters.statuses else ()
            self._values |= {"statuses": list(filters.statuses), "states": sorted({*states, *live})}
            self._conditions += [f"{_STATUS} = ANY(%(statuses)s)", "e.state = ANY(%(states)s)"]
        if filters.triggers:
            self._values["triggers"] = list(filters.triggers)
            self._conditions.append("e.trigger_type = ANY(%(triggers)s)")
        for column, key in (("user_id", filters.user_id), ("workflow_id", filters.workflow_id)):
            if key is not None:
                self._values[f"one_{column}"] = key
                self._conditions.append(f"e.{column} = %(one_{column})s")
                self._drivers = {column: [key]}

    def _by_text(self, text: str) -> None:
        exact = ids.decode(ids.EXECUTION, text)
        if exact is not None:
            self._values["exact"] = exact
            self._conditions.append("e.id = %(exact)s")
            return
        pattern = like_pattern(text)
        found_workflows = workflows.ids_by_name(self._connection, pattern, MAX_NAMES)
        found_users = users.ids_by_name(self._connection, pattern, MAX_NAMES)
        self.impossible = not found_workflows and not found_users
        if not self._drivers:
            self._drivers = {"workflow_id": found_workflows, "user_id": found_users}
            return
        self._values |= {"named_workflows": found_workflows, "named_users": found_users}
        self._conditions.append("(e.workflow_id = ANY(%(named_workflows)s) OR e.user_id = ANY(%(named_users)s))")

    def _by_visibility(self, viewer: Viewer) -> None:
        self._conditions.append(_VISIBLE)
        if not self._drivers:
            visible = [row[0] for row in self._connection.execute(VISIBLE_WORKFLOWS, (viewer.user_id,))]
            self._drivers = {"workflow_id": visible, "user_id": [viewer.user_id]}


def _bounds(connection: psycopg.Connection[Any], filters: Filters, before: UUID | None) -> tuple[UUID, UUID]:
    """The ids between which the page lies: from (included) and to (not)."""
    row = connection.execute(BOUNDS, (filters.since, filters.until)).fetchone()
    assert row is not None  # noqa: S101 - a SELECT without FROM has one row
    since, until, newest = row
    return since or _FIRST_ID, min(newest, until or newest, before or newest)


def _earlier(high: UUID, reach: timedelta) -> UUID:
    """The id `reach` before `high`; the milliseconds since the epoch are its first 48 bits."""
    return UUID(int=max(0, (high.int >> 80) - reach // timedelta(milliseconds=1)) << 80)


def cursor_of(records: Sequence[dict[str, Any]], limit: int) -> str | None:
    """The cursor of the next page, when this one is full."""
    return records[-1]["id"] if len(records) == limit else None
