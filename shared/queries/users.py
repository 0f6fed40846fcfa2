"""People with what they used."""

from typing import Any
from uuid import UUID

import psycopg

from shared import ids
from shared.queries.shapes import Viewer
from shared.queries.stats import user_stats

# Newest first; everybody but an admin sees only themselves.
PAGE = """
SELECT id, email, name, role FROM users
WHERE (%(everything)s OR id = %(viewer)s) AND (%(before)s::uuid IS NULL OR id < %(before)s::uuid)
ORDER BY id DESC LIMIT %(limit)s
"""


def page(
    connection: psycopg.Connection[Any], viewer: Viewer, *, before: UUID | None, limit: int
) -> list[dict[str, Any]]:
    """At most `limit` users older than `before`, newest first, with statistics."""
    values = {"everything": viewer.everything, "viewer": viewer.user_id, "before": before, "limit": limit}
    rows = connection.execute(PAGE, values).fetchall()
    stats = user_stats(connection, [row[0] for row in rows])
    return [
        {"id": ids.encode(ids.USER, user_id), "email": email, "name": name, "role": role, "stats": stats[user_id]}
        for user_id, email, name, role in rows
    ]
