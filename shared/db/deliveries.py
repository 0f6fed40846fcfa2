"""What webhooks were called with: one row for each call, and some of the refused ones. Kept for a week."""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

import orjson
import psycopg
from psycopg.rows import class_row

from shared.db.wire import Answer, bytea, wire_of

KEPT_DAYS = 7
KEPT_BYTES = 64_000
"""Of a body; a longer one cannot be replayed from here."""
PRUNE_LIMIT = 1_000


@dataclass(frozen=True, slots=True)
class Delivery:
    """A row of the list. `status` None: not answered yet. `reason`: why it was refused, or counted as one before."""

    id: UUID
    at: datetime
    method: str
    status: int | None
    reason: str | None
    duration_ms: int | None
    size: int
    address: str
    execution_id: UUID | None
    replay_of: UUID | None
    whole: bool


@dataclass(frozen=True, slots=True)
class FullDelivery(Delivery):
    """With what came: `request` has path, query, headers and contentType, without secrets; None where it was not kept."""

    request: dict[str, Any] | None = None
    body: bytes | None = None


@dataclass(frozen=True, slots=True)
class Noted:
    """What is written down of a call."""

    trigger_id: UUID
    method: str
    address: str
    status: int | None
    reason: str | None = None
    duration_ms: int | None = None
    size: int = 0
    execution_id: UUID | None = None
    replay_of: UUID | None = None
    request: dict[str, Any] | None = None
    body: bytes | None = field(default=None, repr=False)


INSERT = """
INSERT INTO webhook_deliveries (trigger_id, method, address, status, reason, duration_ms, size, execution_id, replay_of,
                                request, body, whole)
VALUES (%(trigger_id)s, %(method)s, %(address)s, %(status)s, %(reason)s, %(duration_ms)s, %(size)s, %(execution_id)s,
        %(replay_of)s, %(request)s, %(body)s, %(whole)s)
RETURNING id
"""
ANSWERED = "UPDATE webhook_deliveries SET status = %s, duration_ms = %s WHERE id = %s"
"""What the caller got in the end, who waited for the run."""
_COLUMNS = "id, at, method, status, reason, duration_ms, size, address, execution_id, replay_of, whole"
PAGE = f"""
SELECT {_COLUMNS} FROM webhook_deliveries
WHERE trigger_id = %(trigger)s AND (%(before)s::uuid IS NULL OR id < %(before)s) ORDER BY id DESC LIMIT %(limit)s
"""
ONE = f"SELECT {_COLUMNS}, request, body FROM webhook_deliveries WHERE trigger_id = %s AND id = %s"
# Ids are made in the order of time.
PRUNE = """
DELETE FROM webhook_deliveries WHERE ctid = ANY (ARRAY(
  SELECT ctid FROM webhook_deliveries WHERE id < uuid7_floor(now() - make_interval(days => %(days)s))
  ORDER BY id LIMIT %(limit)s FOR UPDATE SKIP LOCKED))
"""


def note(connection: psycopg.Connection[Any], noted: Noted) -> Answer:
    """Add a row with the next round trip of the connection's wire; the answer then has the id."""
    body = noted.body if noted.body is not None and noted.request is not None else None
    values = {name: getattr(noted, name) for name in Noted.__slots__} | {
        "request": None if noted.request is None else orjson.dumps(noted.request),
        "body": None if body is None else bytea(body[:KEPT_BYTES]),
        "whole": body is not None and len(body) <= KEPT_BYTES,
    }
    return wire_of(connection).send(INSERT, values)


def answered(connection: psycopg.Connection[Any], id: UUID, status: int, duration_ms: int) -> None:
    """Say how a call that waited was answered."""
    connection.execute(ANSWERED, (status, duration_ms, id))


def page(connection: psycopg.Connection[Any], trigger_id: UUID, before: UUID | None, limit: int) -> list[Delivery]:
    """The calls of a trigger before the one with this id, newest first."""
    with connection.cursor(row_factory=class_row(Delivery)) as cursor:
        return cursor.execute(PAGE, {"trigger": trigger_id, "before": before, "limit": limit}).fetchall()


def one(connection: psycopg.Connection[Any], trigger_id: UUID, id: UUID) -> FullDelivery | None:
    """A call with what came."""
    with connection.cursor(row_factory=class_row(FullDelivery)) as cursor:
        return cursor.execute(ONE, (trigger_id, id)).fetchone()


def prune(connection: psycopg.Connection[Any], *, days: int = KEPT_DAYS, limit: int = PRUNE_LIMIT) -> int:
    """Forget at most `limit` calls that are older than `days`; returns how many."""
    return connection.execute(PRUNE, {"days": days, "limit": limit}).rowcount
