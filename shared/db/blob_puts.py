"""Blobs on their way: known before they are written, forgotten once a row refers to them or none ever can."""

from typing import Any, NamedTuple
from uuid import UUID

import psycopg

from shared.domain.outcome import Key

ANNOUNCE = (
    "INSERT INTO blob_puts (execution_id, id, node, item, fence) VALUES (%s, %s, %s, %s, %s) ON CONFLICT DO NOTHING"
)
"""A blob will be written for this attempt."""

WAITING = """
SELECT execution_id, id, node, item, fence FROM blob_puts
WHERE put_at < now() - make_interval(secs => %(age_s)s) ORDER BY put_at LIMIT %(limit)s
"""
"""Announced at least so long ago, the oldest first."""

FORGET = "DELETE FROM blob_puts WHERE execution_id = %s AND id = %s"
"""It is referred to, or gone."""


class Put(NamedTuple):
    """A blob, and the attempt (step and fence) that wrote it."""

    execution_id: UUID
    id: UUID
    node: str
    item: str
    fence: int


def announce(connection: psycopg.Connection[Any], id: UUID, key: Key, fence: int) -> None:
    """Say that the blob `id` of an attempt is about to be written."""
    connection.execute(ANNOUNCE, (key[0], id, key[1], key[2], fence))


def waiting(connection: psycopg.Connection[Any], *, age_s: float, limit: int) -> list[Put]:
    """Puts that nobody has looked at yet."""
    return [Put(*row) for row in connection.execute(WAITING, {"age_s": age_s, "limit": limit})]


def forget(connection: psycopg.Connection[Any], put: Put) -> None:
    """Nobody need look at it again."""
    connection.execute(FORGET, (put.execution_id, put.id))
