"""Messages that no worker could read: stored once each, so many and no more."""

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

import psycopg

from shared.domain.messages import Rejected

KEPT = 10_000
KEPT_DAYS = 90

INSERT = """
INSERT INTO dead_messages (origin, queue, rejected_at, reason, body, body_bytes)
VALUES (%(origin)s, %(queue)s, %(rejected_at)s, %(reason)s, %(body)s, %(body_bytes)s) ON CONFLICT (origin) DO NOTHING
"""
PRUNE = """
DELETE FROM dead_messages WHERE stored_at < now() - make_interval(days => %(days)s)
  OR id <= (SELECT id FROM dead_messages ORDER BY id DESC OFFSET %(kept)s LIMIT 1)
"""


def store(connection: psycopg.Connection[Any], messages: Sequence[Rejected]) -> None:
    """Add them, in a transaction of its own; those that are there already stay as they are."""
    with connection.transaction(), connection.cursor() as cursor:
        cursor.executemany(INSERT, [asdict(message) for message in messages])


def prune(connection: psycopg.Connection[Any], *, kept: int = KEPT, days: int = KEPT_DAYS) -> int:
    """Forget what is older than `days`, and all but the newest `kept`; returns how many."""
    return connection.execute(PRUNE, {"kept": kept, "days": days}).rowcount
