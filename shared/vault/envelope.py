"""AES-256-GCM twice: a fresh data key encrypts the fields, a key of the keyring wraps the data key.

What is encrypted is bound to its place: the fields to the id and type of their credential, the data key to that id and
the key that wraps it. Moved to another row, neither opens.
"""

import os
from dataclasses import dataclass
from typing import TYPE_CHECKING
from uuid import UUID

from shared.domain.errors import Conflict
from shared.vault.keyring import KEY_BYTES, Keyring

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

_VERSION = b"\x01"
_NONCE_BYTES = 12
DAMAGED = "The stored credential is damaged and cannot be opened: enter its fields again, or restore a backup."


class Damaged(Conflict):
    """What is stored was changed, or belongs to another credential."""


@dataclass(frozen=True, slots=True)
class Sealed:
    """As it is stored: a byte with the version, the nonce, the ciphertext with its tag; and the key that wraps the data key."""

    fields: bytes
    wrapped_key: bytes
    kek_id: str


def seal(keyring: Keyring, id: UUID, type: str, plain: bytes) -> Sealed:
    """Encrypt under a fresh data key, wrapped by the first key. Raises VaultLocked."""
    kek_id, kek = keyring.first
    data_key = os.urandom(KEY_BYTES)
    fields = _encrypt(data_key, plain, _of_fields(id, type))
    return Sealed(fields, _encrypt(kek, data_key, _of_key(id, kek_id)), kek_id)


def unseal(keyring: Keyring, id: UUID, type: str, sealed: Sealed) -> bytes:
    """What was encrypted. Raises VaultLocked, Damaged."""
    data_key = _decrypt(keyring.key(sealed.kek_id), sealed.wrapped_key, _of_key(id, sealed.kek_id))
    return _decrypt(data_key, sealed.fields, _of_fields(id, type))


def rewrap(keyring: Keyring, id: UUID, wrapped_key: bytes, kek_id: str) -> tuple[bytes, str]:
    """The data key wrapped by the first key, and that key's id. Raises VaultLocked, Damaged."""
    data_key = _decrypt(keyring.key(kek_id), wrapped_key, _of_key(id, kek_id))
    first_id, first = keyring.first
    return _encrypt(first, data_key, _of_key(id, first_id)), first_id


def _of_fields(id: UUID, type: str) -> bytes:
    return b"fields\0" + id.bytes + type.encode()


def _of_key(id: UUID, kek_id: str) -> bytes:
    return b"data key\0" + id.bytes + kek_id.encode()


def _encrypt(key: bytes, plain: bytes, bound_to: bytes) -> bytes:
    nonce = os.urandom(_NONCE_BYTES)
    return _VERSION + nonce + _cipher(key).encrypt(nonce, plain, bound_to)


def _cipher(key: bytes) -> "AESGCM":
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM  # noqa: PLC0415 - 9 MB, where a secret is opened

    return AESGCM(key)


def _decrypt(key: bytes, stored: bytes, bound_to: bytes) -> bytes:
    from cryptography.exceptions import InvalidTag  # noqa: PLC0415 - as `_cipher`

    nonce, text = stored[1 : 1 + _NONCE_BYTES], stored[1 + _NONCE_BYTES :]
    try:
        if stored[:1] == _VERSION:
            return _cipher(key).decrypt(nonce, text, bound_to)
    except (InvalidTag, ValueError):
        pass
    raise Damaged(DAMAGED)
