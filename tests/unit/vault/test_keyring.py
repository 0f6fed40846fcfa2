"""Keys: how they may be written, which one encrypts, and what is said when one is missing."""

from base64 import b64encode, urlsafe_b64encode
from pathlib import Path

import pytest

from shared.settings import Settings
from shared.vault.keyring import Keyring, VaultLocked, kek_id, keyring_of

ONE, TWO = b"\xfb" * 32, bytes(range(32))


@pytest.mark.parametrize(
    "written",
    [ONE.hex(), ONE.hex().upper(), b64encode(ONE).decode(), urlsafe_b64encode(ONE).decode().rstrip("=")],
)
def test_a_key_is_base64_or_hex(written: str) -> None:
    assert keyring_of(Settings.model_validate({"FLOWVERSAL_VAULT_KEY": f" {written} "})).first == (kek_id(ONE), ONE)


def test_the_first_encrypts_and_all_decrypt(tmp_path: Path) -> None:
    file = tmp_path / "keys"
    file.write_text(f"# the old one\n{TWO.hex()}\n\n")
    both = {"FLOWVERSAL_VAULT_KEY": ONE.hex(), "FLOWVERSAL_VAULT_KEY_FILE": str(file)}
    keyring = keyring_of(Settings.model_validate(both))
    assert keyring.first == (kek_id(ONE), ONE)
    assert keyring.key(kek_id(TWO)) == TWO
    assert keyring_of(Settings.model_validate({**both, "FLOWVERSAL_VAULT_KEY": ""})).first == (kek_id(TWO), TWO)


@pytest.mark.parametrize("written", ["short", b64encode(b"x" * 31).decode(), f"{ONE.hex()},nonsense", "ü" * 44])
def test_what_is_no_key_is_refused_without_being_repeated(written: str) -> None:
    with pytest.raises(ValueError, match="32 bytes in base64 or hex") as caught:
        keyring_of(Settings.model_validate({"FLOWVERSAL_VAULT_KEY": written}))
    assert written.rpartition(",")[2] not in str(caught.value)


@pytest.mark.parametrize("content", [None, "", "# nothing\n"])
def test_a_file_without_keys_is_refused(tmp_path: Path, content: str | None) -> None:
    if content is not None:
        (tmp_path / "keys").write_text(content)
    with pytest.raises(ValueError, match="FLOWVERSAL_VAULT_KEY_FILE"):
        keyring_of(Settings.model_validate({"FLOWVERSAL_VAULT_KEY_FILE": str(tmp_path / "keys")}))


def test_a_missing_key_is_named_with_the_setting() -> None:
    locked = keyring_of(Settings.model_validate({}))
    for ask in (lambda: locked.first, lambda: locked.key("ab"), lambda: Keyring([ONE]).key(kek_id(TWO))):
        with pytest.raises(VaultLocked, match="FLOWVERSAL_VAULT_KEY"):
            ask()
    assert not locked.has(kek_id(ONE))
