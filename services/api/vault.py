"""The vault's keys in this process."""

from hashlib import sha256
from typing import cast

from flask import Flask, current_app

from shared.settings import Settings
from shared.vault.keyring import Keyring, keyring_of

_EXTENSION = "flowversal-vault"


def install_vault(app: Flask, settings: Settings) -> None:
    """Give the application its keys; none are needed until a credential is. Raises ValueError for what is no key."""
    app.extensions[_EXTENSION] = keyring_of(settings)


def keyring() -> Keyring:
    """The current application's."""
    return cast("Keyring", current_app.extensions[_EXTENSION])


def hash_key() -> bytes:
    """For hashes of bodies that hold secrets. Raises VaultLocked."""
    return sha256(b"idempotency\0" + keyring().first[1]).digest()
