"""Credentials as they are stored: encrypted. Deleted ones are really deleted."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

import psycopg
from psycopg.rows import class_row

from shared.vault.envelope import Sealed


@dataclass(frozen=True, slots=True)
class StoredCredential:
    """A row of `credentials`. `use_is_old`: the last noted use is over a minute ago."""

    id: UUID
    owner_id: UUID
    name: str
    type: str
    shared: bool
    hosts: list[str]
    sealed: bytes
    wrapped_key: bytes
    kek_id: str
    revision: int
    created_at: datetime
    updated_at: datetime
    last_used_at: datetime | None
    use_is_old: bool

    @property
    def envelope(self) -> Sealed:
        """What is encrypted."""
        return Sealed(self.sealed, self.wrapped_key, self.kek_id)


@dataclass(frozen=True, slots=True)
class Referred:
    """What a reference to a credential is checked against."""

    id: UUID
    owner_id: UUID
    shared: bool
    type: str


_COLUMNS = """
c.id, c.owner_id, c.name, c.type, c.shared, c.hosts, c.sealed, c.wrapped_key, c.kek_id, c.revision, c.created_at,
c.updated_at, c.last_used_at, c.last_used_at IS NULL OR c.last_used_at < now() - interval '1 minute' AS use_is_old
"""

# `everything` is true for admins; others see their own and the shared ones.
GET = f"""
SELECT {_COLUMNS} FROM credentials c
WHERE c.id = %(id)s AND (%(everything)s OR c.owner_id = %(viewer)s OR c.shared)
"""
LOCK = f"{GET} FOR NO KEY UPDATE"
# A step may use what its workflow's owner owns, and what is shared; whoever started the run does not matter.
FOR_STEP = f"""
SELECT {_COLUMNS} FROM credentials c JOIN workflows w ON w.id = %(workflow)s
WHERE c.id = %(id)s AND (c.shared OR c.owner_id = w.owner_id)
"""
# SKIP LOCKED: steps that run together do not wait for each other to note the same minute.
TOUCH = """
UPDATE credentials SET last_used_at = now()
WHERE id = (SELECT id FROM credentials WHERE id = %s FOR NO KEY UPDATE SKIP LOCKED)
"""
REFERRED = "SELECT id, owner_id, shared, type FROM credentials WHERE id = ANY(%s)"
NEW_ID = "SELECT uuid7()"
INSERT = f"""
INSERT INTO credentials AS c (id, owner_id, name, type, shared, hosts, sealed, wrapped_key, kek_id)
VALUES (%(id)s, %(owner)s, %(name)s, %(type)s, %(shared)s, %(hosts)s, %(sealed)s, %(wrapped_key)s, %(kek_id)s)
RETURNING {_COLUMNS}
"""
UPDATE = f"""
UPDATE credentials AS c SET name = %(name)s, shared = %(shared)s, hosts = %(hosts)s, sealed = %(sealed)s,
  wrapped_key = %(wrapped_key)s, kek_id = %(kek_id)s, revision = revision + 1, updated_at = now()
WHERE c.id = %(id)s RETURNING {_COLUMNS}
"""
DELETE = "DELETE FROM credentials WHERE id = %s"
# The oldest first; those that somebody is changing right now come with a later look.
WITH_OLD_KEYS = """
SELECT id, wrapped_key, kek_id FROM credentials WHERE kek_id <> %(first)s AND id > %(after)s
ORDER BY id LIMIT %(limit)s FOR NO KEY UPDATE SKIP LOCKED
"""
REWRAP = "UPDATE credentials SET wrapped_key = %s, kek_id = %s WHERE id = %s"
BY_KEY = "SELECT kek_id, count(*) FROM credentials GROUP BY kek_id ORDER BY kek_id"


def get(
    connection: psycopg.Connection[Any], id: UUID, *, viewer: UUID, everything: bool, lock: bool = False
) -> StoredCredential | None:
    """The credential if this user may see it; `lock` holds its row until the transaction ends."""
    values = {"id": id, "viewer": viewer, "everything": everything}
    return _one(connection, LOCK if lock else GET, values)


def for_step(connection: psycopg.Connection[Any], id: UUID, workflow_id: UUID) -> StoredCredential | None:
    """The credential if a step of this workflow may use it."""
    return _one(connection, FOR_STEP, {"id": id, "workflow": workflow_id})


def touch(connection: psycopg.Connection[Any], id: UUID) -> None:
    """Note the use now, unless somebody else is doing just that."""
    connection.execute(TOUCH, (id,))


def referred(connection: psycopg.Connection[Any], ids: Collection[UUID]) -> list[Referred]:
    """Those of these credentials that exist, whoever may see them."""
    with connection.cursor(row_factory=class_row(Referred)) as cursor:
        return cursor.execute(REFERRED, (list(ids),)).fetchall()


def new_id(connection: psycopg.Connection[Any]) -> UUID:
    """An id for a credential that is about to be encrypted: it is bound to its id."""
    row = connection.execute(NEW_ID).fetchone()
    assert row is not None  # noqa: S101 - a SELECT without FROM has a row
    found: UUID = row[0]
    return found


def insert(
    connection: psycopg.Connection[Any],
    id: UUID,
    owner_id: UUID,
    *,
    name: str,
    type: str,
    shared: bool,
    hosts: Sequence[str],
    sealed: Sealed,
) -> StoredCredential:
    """Add a credential."""
    values = {"id": id, "owner": owner_id, "name": name, "type": type, "shared": shared, "hosts": list(hosts)}
    row = _one(connection, INSERT, values | _columns(sealed))
    assert row is not None  # noqa: S101 - an INSERT without a conflict clause returns its row
    return row


def update(
    connection: psycopg.Connection[Any], id: UUID, *, name: str, shared: bool, hosts: Sequence[str], sealed: Sealed
) -> StoredCredential:
    """Replace what may be changed and count the revision up. The caller holds the row (`get(lock=True)`)."""
    values = {"id": id, "name": name, "shared": shared, "hosts": list(hosts)}
    row = _one(connection, UPDATE, values | _columns(sealed))
    assert row is not None  # noqa: S101 - the caller holds the row
    return row


def delete(connection: psycopg.Connection[Any], id: UUID) -> None:
    """Remove it for good."""
    connection.execute(DELETE, (id,))


def with_old_keys(
    connection: psycopg.Connection[Any], first: str, *, after: UUID, limit: int
) -> list[tuple[UUID, bytes, str]]:
    """(id, wrapped data key, id of the key that wraps it) of those behind `after` that another key than `first` wraps.

    Their rows are held until the transaction ends; those that somebody else holds are left out.
    """
    return connection.execute(WITH_OLD_KEYS, {"first": first, "after": after, "limit": limit}).fetchall()


def rewrap(connection: psycopg.Connection[Any], id: UUID, wrapped_key: bytes, kek_id: str) -> None:
    """Put its data key under another key. Its fields and its revision stay. The caller holds the row."""
    connection.execute(REWRAP, (wrapped_key, kek_id, id))


def count_by_key(connection: psycopg.Connection[Any]) -> dict[str, int]:
    """How many credentials each key wraps, by the key's id."""
    return dict(connection.execute(BY_KEY).fetchall())


def _columns(sealed: Sealed) -> dict[str, Any]:
    return {"sealed": sealed.fields, "wrapped_key": sealed.wrapped_key, "kek_id": sealed.kek_id}


def _one(connection: psycopg.Connection[Any], query: str, values: dict[str, Any]) -> StoredCredential | None:
    with connection.cursor(row_factory=class_row(StoredCredential)) as cursor:
        return cursor.execute(query, values).fetchone()
