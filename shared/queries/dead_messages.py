"""Messages that no worker could read, as the API shows them."""

from typing import Any
from uuid import UUID

import psycopg

from shared import ids
from shared.queries.shapes import ms

PAGE = """
SELECT id, queue, rejected_at, reason, body, body_bytes FROM dead_messages
WHERE %(before)s::uuid IS NULL OR id < %(before)s::uuid ORDER BY id DESC LIMIT %(limit)s
"""


def page(connection: psycopg.Connection[Any], *, before: UUID | None, limit: int) -> list[dict[str, Any]]:
    """At most `limit` messages stored before `before`, newest first."""
    return [
        {
            "id": ids.encode(ids.MESSAGE, message_id),
            "queue": queue,
            "rejectedAt": ms(rejected_at),
            "reason": reason,
            "body": body,
            "bodyBytes": body_bytes,
        }
        for message_id, queue, rejected_at, reason, body, body_bytes in connection.execute(
            PAGE, {"before": before, "limit": limit}
        )
    ]
