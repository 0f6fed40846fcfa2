"""The one-machine mode makes its vault's key once, for its own user alone, and hands it to every process."""

import socket
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from services.standalone.folder import DataFolder
from services.standalone.programs import programs
from shared.settings import Settings
from shared.vault.keyring import keyring_of

SERVERS = cast("Any", SimpleNamespace(database_url="d", broker_url="b", redis_url="r"))


@pytest.fixture
def folder(tmp_path: Path) -> DataFolder:
    made = DataFolder(tmp_path / "data")
    made.claim()
    return made


def environments(folder: DataFolder, **given: str) -> list[dict[str, str]]:
    settings = Settings.model_validate(given)
    with socket.create_server(("127.0.0.1", 0)) as listening:
        return [program.env for program in programs(settings, folder, SERVERS, listening)]


def test_the_key_is_made_once_and_is_nobody_elses(folder: DataFolder) -> None:
    file = folder.vault_key()
    made = file.read_text()
    assert file.stat().st_mode & 0o777 == 0o600
    assert folder.vault_key().read_text() == made
    assert keyring_of(Settings.model_validate({"FLOWVERSAL_VAULT_KEY_FILE": str(file)})).first


def test_every_process_finds_it(folder: DataFolder) -> None:
    found = {env["FLOWVERSAL_VAULT_KEY_FILE"] for env in environments(folder)}
    assert found == {str(folder.vault_key())}


def test_a_given_key_is_used_instead(folder: DataFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("FLOWVERSAL_VAULT_KEY_FILE", raising=False)
    for env in environments(folder, FLOWVERSAL_VAULT_KEY="6b" * 32):
        assert "FLOWVERSAL_VAULT_KEY_FILE" not in env
    assert not (folder.path / "vault.key").exists()
