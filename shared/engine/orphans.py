"""Blobs whose outcome never came: their worker died between the two, or its outcome was stale. Removed without a lock.

A blob is written before the outcome that refers to it, under the fence of its attempt. So once its step does not run
under that fence any more, and no row of the step refers to it, none ever will.
"""

from typing import Any, NamedTuple

import psycopg

from shared.blobs import Key, Store
from shared.db import blob_puts
from shared.db.blob_puts import Put
from shared.domain import items

LIMIT = 200
AGE_S = 60.0
"""Most outcomes follow their blobs within a second: it is of no use to look sooner."""

STANDING = """
SELECT
  EXISTS (SELECT FROM steps s WHERE s.execution_id = %(id)s AND s.node = %(node)s AND s.item = %(item)s
          AND s.state = 'running' AND s.fence = %(fence)s),
  EXISTS (SELECT FROM execution_data d WHERE d.execution_id = %(id)s AND d.node = %(node)s
          AND d.item BETWEEN %(item)s AND %(high)s
          AND (d.input_blob ->> 'id' = %(blob)s OR d.output_blob ->> 'id' = %(blob)s))
"""
"""In one snapshot: whether the attempt may still hand in its outcome, and whether its step (or an item of its loop)
refers to the blob."""


class Swept(NamedTuple):
    """How many puts were looked at, and how many blobs nothing will ever refer to (they are gone)."""

    seen: int
    removed: int


def sweep_puts(connection: psycopg.Connection[Any], store: Store, *, age_s: float = AGE_S, limit: int = LIMIT) -> Swept:
    """Look at puts that are at least so old; on an autocommit connection each is forgotten by itself."""
    found = blob_puts.waiting(connection, age_s=age_s, limit=limit)
    removed = sum(_settle(connection, store, put) for put in found)
    return Swept(len(found), removed)


def _settle(connection: psycopg.Connection[Any], store: Store, put: Put) -> bool:
    """Forget a put whose fate is certain; True if its blob had to go."""
    values = {
        "id": put.execution_id,
        "node": put.node,
        "item": put.item,
        "fence": put.fence,
        "high": items.bounds(put.item)[1],
        "blob": str(put.id),
    }
    row = connection.execute(STANDING, values).fetchone()
    assert row is not None  # noqa: S101 - a SELECT without FROM has one row
    running, referred = row
    if running and not referred:
        return False
    if not referred:
        store.delete(Key(put.execution_id, put.id))
    blob_puts.forget(connection, put)
    return not referred
