"""The keys that wrap data keys. They come from the environment or from a file, never from the database."""

import binascii
import re
from base64 import b64decode
from collections.abc import Sequence
from hashlib import sha256

from shared.domain.errors import RequestError
from shared.settings import Settings

KEY_BYTES = 32
VARIABLE = "FLOWVERSAL_VAULT_KEY"
FILE_VARIABLE = "FLOWVERSAL_VAULT_KEY_FILE"
HOW_TO_MAKE_ONE = "make one with: openssl rand -base64 32"
NO_KEY = (
    f"Credentials need a key: set {VARIABLE} (or {FILE_VARIABLE}) for every process, the same one; {HOW_TO_MAKE_ONE}."
)
_HEX = re.compile(r"[0-9A-Fa-f]{64}")
_URL_SAFE = str.maketrans("-_", "+/")


class VaultLocked(RequestError):
    """The key that is needed is not there; the message says which setting to set. At the API VAULT_LOCKED."""


class Keyring:
    """Keys by their ids. The first one wraps, all of them unwrap."""

    def __init__(self, keys: Sequence[bytes]) -> None:
        self._keys = {kek_id(key): key for key in reversed(keys)}
        self._first = kek_id(keys[0]) if keys else None

    @property
    def first(self) -> tuple[str, bytes]:
        """The id and the key that wraps. Raises VaultLocked."""
        if self._first is None:
            raise VaultLocked(NO_KEY)
        return self._first, self._keys[self._first]

    def key(self, id: str) -> bytes:
        """The key with this id. Raises VaultLocked."""
        if self._first is None:
            raise VaultLocked(NO_KEY)
        if id not in self._keys:
            raise VaultLocked(
                f"The credential was stored under the key {id}, which is not among those of {VARIABLE} and "
                f"{FILE_VARIABLE}: add it behind the first one."
            )
        return self._keys[id]

    def has(self, id: str) -> bool:
        """Whether the key with this id is there."""
        return id in self._keys


def kek_id(key: bytes) -> str:
    """What a key is called in the database and in messages: 16 hex digits, which tell nothing of the key."""
    return sha256(b"flowversal vault key\0" + key).hexdigest()[:16]


def keyring_of(settings: Settings) -> Keyring:
    """The keys of the settings, those of the environment first; none is allowed. Raises ValueError for what is no key."""
    texts: list[tuple[str, str]] = []
    if settings.vault_key is not None:
        texts += [(VARIABLE, text) for text in settings.vault_key.get_secret_value().split(",")]
    if settings.vault_key_file is not None:
        texts += [(f"{FILE_VARIABLE} {settings.vault_key_file}", text) for text in _lines(settings)]
    return Keyring([_key(where, text.strip()) for where, text in texts if text.strip()])


def _lines(settings: Settings) -> list[str]:
    file = settings.vault_key_file
    assert file is not None  # noqa: S101 - the caller has looked
    try:
        lines = [line for line in file.read_text("ascii").splitlines() if not line.lstrip().startswith("#")]
    except (OSError, ValueError) as error:
        raise ValueError(f"{FILE_VARIABLE}: {file} cannot be read: {error}") from None
    if not any(line.strip() for line in lines):
        raise ValueError(f"{FILE_VARIABLE}: {file} has no key in it: one a line; {HOW_TO_MAKE_ONE}.")
    return lines


def _key(where: str, text: str) -> bytes:
    """32 bytes of base64 (either alphabet) or hex; the message never has the text."""
    if _HEX.fullmatch(text):
        return bytes.fromhex(text)
    try:
        key = b64decode(text.translate(_URL_SAFE).rstrip("=") + "=" * (-len(text.rstrip("=")) % 4), validate=True)
    except (binascii.Error, ValueError):
        key = b""
    if len(key) != KEY_BYTES:
        raise ValueError(f"{where}: a key is 32 bytes in base64 or hex; {HOW_TO_MAKE_ONE}.")
    return key
