"""Where large values are: one small interface, and which store the settings choose."""

from collections.abc import Callable, Collection, Iterator
from contextlib import AbstractContextManager
from datetime import datetime
from typing import Any, NamedTuple, Protocol
from uuid import UUID

import psycopg

from shared.blob_files import FileStore
from shared.db.blobs import PostgresStore
from shared.domain.payload import Ref
from shared.settings import Settings

PIECE = 1_000_000
"""Bytes that are read at a time."""


class Key(NamedTuple):
    """The blob of an execution; its week (shared/db/partitions.py) is that of the execution's id."""

    execution_id: UUID
    id: UUID


class Store(Protocol):
    """Blobs by key: immutable, written once (or twice the same), deleted with their week. Safe for several threads.

    Raises OSError or psycopg.Error when the store does not answer.
    """

    def put(self, key: Key, content: bytes) -> None:
        """Keep it; when this returns it survives a crash (in Postgres: once the caller's transaction commits)."""

    def get(self, key: Key) -> bytes | None:
        """All of it; None if there is no such blob."""

    def get_range(self, key: Key, start: int, length: int) -> bytes | None:
        """`length` bytes from byte `start` on, fewer at the end; None if there is no such blob."""

    def size(self, key: Key) -> int | None:
        """Bytes; None if there is no such blob."""

    def delete(self, key: Key) -> None:
        """Remove it, if it is there."""

    def drop_before(self, week: datetime, kept: Collection[datetime]) -> list[str]:
        """Remove the blobs of all weeks before `week` that are not `kept`; returns what was removed."""


Borrow = Callable[[], AbstractContextManager[psycopg.Connection[Any]]]


def make_store(settings: Settings, borrow: Borrow) -> Store:
    """The store of the settings; `borrow` lends connections to the one in Postgres."""
    if settings.blob_dir is not None:
        return FileStore(settings.blob_dir)
    return PostgresStore(borrow)


def key_of(ref: Ref) -> Key:
    """The blob that a value is in."""
    return Key(ref.execution_id, ref.id)


def read(store: Store, ref: Ref) -> bytes | None:
    """The value's JSON; None if its blob is gone."""
    found = store.get_range(key_of(ref), ref.start, ref.size)
    return found if found is not None and len(found) == ref.size else None


def pieces(store: Store, ref: Ref, start: int = 0, length: int | None = None) -> Iterator[bytes]:
    """A part of the value's JSON, at most a MB at a time. Raises LookupError when the blob is gone on the way."""
    at, end = start, ref.size if length is None else min(ref.size, start + length)
    while at < end:
        piece = store.get_range(key_of(ref), ref.start + at, min(PIECE, end - at))
        if not piece:
            raise LookupError(f"The blob {ref.id} is gone.")
        yield piece
        at += len(piece)
