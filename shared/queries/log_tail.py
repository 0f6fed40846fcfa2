"""The newest log lines of one execution, for a page that shows the end of the log."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

import psycopg

from shared.queries.logs import shape

TAIL = """
SELECT id, at, level, node, item, attempt, message, fields FROM execution_logs
WHERE execution_id = %(id)s AND (%(levels)s::text[] IS NULL OR level = ANY(%(levels)s::text[]))
ORDER BY id DESC LIMIT %(limit)s
"""


def tail(
    connection: psycopg.Connection[Any], execution_id: UUID, levels: Sequence[str] | None, limit: int
) -> list[dict[str, Any]]:
    """At most `limit` of the newest lines with one of these levels (None: all), oldest first."""
    values = {"id": execution_id, "levels": None if levels is None else list(levels), "limit": limit}
    found = connection.execute(TAIL, values).fetchall()
    return [shape(line) for line in reversed(found)]
