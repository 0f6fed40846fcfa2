"""Rotation: every data key moves under the first key, whatever else happens, and it says what is left."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest

from shared import ids
from shared.db import credentials, users
from shared.vault import rotate as rotation
from shared.vault.keyring import Keyring, VaultLocked, kek_id
from shared.vault.opening import opened
from shared.vault.rotate import rotate
from tests.integration.worker.vault import SECRET, stored

ROOT = Path(__file__).parents[3]
OLD, NEW, LOST = b"o" * 32, b"n" * 32, b"l" * 32
Connection = psycopg.Connection[Any]


@pytest.fixture
def connection(database_url: str) -> Iterator[Connection]:
    with psycopg.connect(database_url, autocommit=True) as connection:
        yield connection


@pytest.fixture
def owner(connection: Connection) -> Any:
    user = users.insert(connection, "o@example.com", "O", "editor", None)
    assert user is not None
    return user.id


def secret(connection: Connection, id: str, owner: Any, *keys: bytes) -> str:
    key = ids.decode(ids.CREDENTIAL, id)
    assert key is not None
    row = credentials.get(connection, key, viewer=owner, everything=True)
    assert row is not None
    found: str = opened(Keyring(keys), row).fields.secret.get_secret_value()
    return found


def test_all_are_moved_in_batches_and_open_with_the_new_key_alone(
    connection: Connection, owner: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rotation, "BATCH", 2)
    made = [stored(connection, owner, key=OLD) for _ in range(5)] + [stored(connection, owner, key=NEW)]
    sealed = connection.execute("SELECT sealed, revision FROM credentials ORDER BY id").fetchall()
    said: list[str] = []
    assert rotate(connection, Keyring([NEW, OLD]), said.append)
    assert said[0] == f"5 credentials were put under the key {kek_id(NEW)}."
    assert [secret(connection, id, owner, NEW) for id in made] == [SECRET] * 6
    assert connection.execute("SELECT sealed, revision FROM credentials ORDER BY id").fetchall() == sealed
    assert rotate(connection, Keyring([NEW]), said.append)
    assert said[2].startswith("0 credentials")


def test_those_under_a_lost_key_are_counted_and_the_others_moved(connection: Connection, owner: Any) -> None:
    stored(connection, owner, key=LOST)
    good, damaged = stored(connection, owner, key=OLD), stored(connection, owner, key=OLD)
    connection.execute("UPDATE credentials SET wrapped_key = sealed WHERE id = %s", (ids.decode("cred", damaged),))
    said: list[str] = []
    assert not rotate(connection, Keyring([NEW, OLD]), said.append)
    assert secret(connection, good, owner, NEW) == SECRET
    assert {f"1 still need the key {kek_id(LOST)}.", f"1 still need the key {kek_id(OLD)}."} <= set(said)
    assert any("FLOWVERSAL_VAULT_KEY" in line for line in said)


def test_one_that_is_being_changed_is_not_waited_for(connection: Connection, owner: Any, database_url: str) -> None:
    id = stored(connection, owner, key=OLD)
    said: list[str] = []
    with psycopg.connect(database_url) as other:
        other.execute("UPDATE credentials SET name = 'held'")
        assert not rotate(connection, Keyring([NEW, OLD]), said.append)
    assert rotate(connection, Keyring([NEW, OLD]), said.append)
    assert secret(connection, id, owner, NEW) == SECRET


def test_without_a_key_nothing_is_done(connection: Connection) -> None:
    with pytest.raises(VaultLocked):
        rotate(connection, Keyring([]), print)


@pytest.mark.parametrize(("keys", "code"), [(f"{NEW.hex()},{OLD.hex()}", 0), (NEW.hex(), 1), ("", 1), ("x", 1)])
def test_the_command(connection: Connection, owner: Any, database_url: str, keys: str, code: int) -> None:
    stored(connection, owner, key=OLD)
    env = {**os.environ, "DATABASE_URL": database_url, "FLOWVERSAL_VAULT_KEY": keys}
    done = subprocess.run(
        [sys.executable, "-m", "shared.vault.rotate"], cwd=ROOT, env=env, capture_output=True, text=True, check=False
    )
    assert done.returncode == code, done.stderr
    assert ("may be removed" in done.stdout) is (code == 0)
    assert "Traceback" not in done.stderr
