"""Both stores do the same: what was put comes back, whole and in parts, until it is deleted or its week is gone."""

import os
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random
from uuid import UUID, uuid4

import pytest

from shared.blob_files import FileStore
from shared.blobs import PIECE, Key, Store, pieces, read
from shared.db.blobs import PostgresStore
from shared.db.few import FewConnections
from shared.db.partitions import ensure_week, monday, partition_name, week_of
from shared.db.pool import connect
from shared.db.removal import weeks_there
from shared.domain.payload import ref_to


def new_id(at: datetime) -> UUID:
    """An execution's id of that time."""
    return UUID(int=(int(at.timestamp() * 1000) << 80) | 7 << 76 | 2 << 62 | int.from_bytes(os.urandom(6), "big"))


@pytest.fixture(params=["postgres", "files"])
def store(request: pytest.FixtureRequest, database_url: str, tmp_path: Path) -> Iterator[Store]:
    if request.param == "files":
        yield FileStore(tmp_path / "blobs")
        return
    few = FewConnections(database_url, application_name="test", most=2)
    yield PostgresStore(few.borrow)
    few.close()


@pytest.fixture
def key() -> Key:
    return Key(new_id(datetime.now(UTC)), uuid4())


@pytest.mark.parametrize("size", [1, 999_999, 1_000_000, 1_000_001, 5_300_000])
def test_what_was_put_comes_back_whole_and_in_parts(store: Store, key: Key, size: int) -> None:
    content = Random(size).randbytes(size)
    store.put(key, content)
    store.put(key, content)
    assert store.get(key) == content
    assert store.size(key) == size
    random = Random(size)
    for _ in range(20):
        start, length = random.randrange(size), random.randrange(1, size + 10)
        assert store.get_range(key, start, length) == content[start : start + length]
    assert store.get_range(key, size, 10) == b""


def test_what_is_not_there(store: Store, key: Key) -> None:
    assert (store.get(key), store.get_range(key, 0, 1), store.size(key)) == (None, None, None)
    store.delete(key)
    store.put(key, b"x")
    store.delete(key)
    assert (store.get(key), store.size(key)) == (None, None)


def test_a_value_is_a_part_of_a_blob_and_is_read_piece_by_piece(store: Store, key: Key) -> None:
    values = [b'"' + bytes([65 + n]) * (900_000 + n) + b'"' for n in range(4)]
    store.put(key, b"".join(values))
    at = 0
    for value in values:
        ref = ref_to(key.execution_id, key.id, value, start=at)
        at += len(value)
        assert read(store, ref) == value
        assert b"".join(pieces(store, ref, 5, 1_000)) == value[5:1_005]
    whole = ref_to(key.execution_id, key.id, b"".join(values))
    found = list(pieces(store, whole))
    assert max(map(len, found)) <= PIECE
    assert b"".join(found) == b"".join(values)
    store.delete(key)
    assert read(store, whole) is None
    with pytest.raises(LookupError):
        list(pieces(store, whole))


def test_files_of_weeks_without_history_go_and_nothing_else(database_url: str, tmp_path: Path) -> None:
    store, now = FileStore(tmp_path), datetime.now(UTC)
    keys = [Key(new_id(now - timedelta(weeks=ago)), uuid4()) for ago in (0, 10, 20, 30)]
    for key in keys:
        store.put(key, b"x")
    (tmp_path / "not-a-week").mkdir()
    with connect(database_url, application_name="test", autocommit=True) as connection:
        with connection.transaction():
            ensure_week(connection, monday(now - timedelta(weeks=20)))
        kept = weeks_there(connection)
    assert store.drop_before(min(kept), kept) == [f"{week_of(keys[3].execution_id):%Y%m%d}"]
    assert store.drop_before(monday(now), kept) == [f"{week_of(keys[1].execution_id):%Y%m%d}"]
    assert [store.get(key) for key in keys] == [b"x", None, b"x", None]
    assert (tmp_path / "not-a-week").exists()


def test_blobs_go_with_the_partition_of_their_week(database_url: str) -> None:
    few = FewConnections(database_url, application_name="test")
    store, at = PostgresStore(few.borrow), datetime.now(UTC) - timedelta(weeks=12)
    old, new = Key(new_id(at), uuid4()), Key(new_id(datetime.now(UTC)), uuid4())
    with few.borrow() as connection:
        with connection.transaction():
            assert partition_name("blobs", monday(at)) in ensure_week(connection, monday(at))
        store.put(old, b"old")
        store.put(new, b"new")
        connection.execute(f"DROP TABLE {partition_name('blobs', monday(at))}")
    assert (store.get(old), store.get(new)) == (None, b"new")
    few.close()


def test_a_connection_that_broke_is_replaced(database_url: str, key: Key) -> None:
    few = FewConnections(database_url, application_name="test", most=1)
    store = PostgresStore(few.borrow)
    store.put(key, b"x")
    with few.borrow() as connection, connect(database_url, application_name="killer", autocommit=True) as killer:
        killer.execute("SELECT pg_terminate_backend(%s)", (connection.info.backend_pid,))
    for _ in range(2):
        try:
            found = store.get(key)
        except OSError:
            raise
        except Exception:
            continue
    assert found == b"x"
    few.close()
