"""Which executions an action on many means: those that match a filter now, and to which it can be done."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, Final
from uuid import UUID

import psycopg

from shared.domain.errors import InvalidValue
from shared.queries.execution_list import Filters, matching_ids
from shared.queries.shapes import Viewer

CANCEL, RETRY = "cancel", "retry"
MOST = 100_000
POSSIBLE: Final[Mapping[tuple[str, str], tuple[str, ...]]] = {
    (CANCEL, ""): ("queued", "running", "waiting"),
    (RETRY, "failed"): ("failed", "canceled"),
    (RETRY, "start"): ("success", "failed", "canceled"),
}
"""The statuses that can be canceled, or retried from where."""

RETRIED = "SELECT retry_of FROM execution_retries WHERE retry_of = ANY(%s)"
"""Those that were retried already."""


def matching(
    connection: psycopg.Connection[Any], action: str, retry_from: str, filters: Filters, viewer: Viewer
) -> list[UUID]:
    """The executions that the viewer may see, that match, and that the action fits; newest first.

    An execution that was retried already is not retried from `failed` again: its retry stands for it. Raises
    InvalidValue for statuses that the action never fits, and for more than 100,000 executions.
    """
    possible = POSSIBLE[action, retry_from if action == RETRY else ""]
    statuses = tuple(status for status in filters.statuses or possible if status in possible)
    if not statuses:
        raise InvalidValue("filter.status", f"Of these statuses nothing can be done: use {', '.join(possible)}")
    wanted = replace(filters, statuses=statuses)
    found = matching_ids(connection, wanted, viewer, before=None, limit=MOST + 1)
    if len(found) > MOST:
        raise InvalidValue("filter", f"More than {MOST:,} executions match: narrow it, by time for example")
    if action == RETRY and retry_from == "failed":
        over = retried(connection, found)
        found = [id for id in found if id not in over]
    return found


def retried(connection: psycopg.Connection[Any], execution_ids: Sequence[UUID]) -> set[UUID]:
    """Those of the executions that have a retry."""
    return {row[0] for row in connection.execute(RETRIED, (list(execution_ids),))}
