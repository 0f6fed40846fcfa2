"""One-time addresses that let somebody outside end the wait of one step: `/hooks/callback/<token>`.

A token names its step and is signed, so nothing is stored for an address that was handed out: it is the same however often
it is asked for, it can be handed out before its step waits, and nobody can guess one.
"""

import hmac
import re
from base64 import urlsafe_b64decode, urlsafe_b64encode
from hashlib import sha256
from uuid import UUID

from shared.domain.outcome import Key

PATH = "/hooks/callback/"
MASK = "***"
_MAC_BYTES = 24
_TOKEN = re.compile(r"[A-Za-z0-9_-]{54,300}")
_IN_TEXT = re.compile(r"(?<=/hooks/callback/)[A-Za-z0-9_-]+")


def token_of(key: bytes, step: Key) -> str:
    """The token of a step under a signing key: letters, digits, `-` and `_`."""
    name = _name(step)
    return urlsafe_b64encode(step[0].bytes + _mac(key, step[0], name) + name).rstrip(b"=").decode()


def step_of(key: bytes, token: str) -> Key | None:
    """The step that a token names; None if it was not signed with this key."""
    if _TOKEN.fullmatch(token) is None:
        return None
    packed = urlsafe_b64decode(token + "=" * (-len(token) % 4))
    execution_id, mac, name = UUID(bytes=packed[:16]), packed[16 : 16 + _MAC_BYTES], packed[16 + _MAC_BYTES :]
    if not hmac.compare_digest(mac, _mac(key, execution_id, name)):
        return None
    node, _, item = name.decode().partition("\0")
    return execution_id, node, item


def url_of(public_url: str, key: bytes, step: Key) -> str:
    """The address of a step's callback."""
    return f"{public_url}{PATH}{token_of(key, step)}"


def mask_tokens(text: str) -> str:
    """The text with the token of every callback address in it replaced: for what is logged, or stored to be looked at."""
    return _IN_TEXT.sub(MASK, text) if PATH in text else text


def _name(step: Key) -> bytes:
    return f"{step[1]}\0{step[2]}".encode()


def _mac(key: bytes, execution_id: UUID, name: bytes) -> bytes:
    return hmac.digest(key, b"callback\0" + execution_id.bytes + name, sha256)[:_MAC_BYTES]
