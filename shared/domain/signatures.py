"""Whether a call was signed by who knows the secret: HMAC over its bytes, as the services of the world do it. Pure.

Signatures are compared in constant time, and a time that was signed must be close to now.
"""

import binascii
import hashlib
import hmac
from base64 import b64decode
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

Headers = Mapping[str, str]
"""Values by name in lower case."""

PREFIX = "whsec_"
"""How the secrets of https://www.standardwebhooks.com begin."""


@dataclass(frozen=True, slots=True)
class Signed:
    """What a signature claims: the signatures that were sent, the bytes they are of, and when they were made (seconds)."""

    signatures: tuple[bytes, ...]
    message: bytes
    timestamp: str | None = None
    algorithm: str = "sha256"


def signing_key(secret: str) -> bytes:
    """The key after Standard Webhooks: base64 after `whsec_`, else the text itself. Raises ValueError if that is no base64."""
    if not secret.startswith(PREFIX):
        return secret.encode()
    try:
        return b64decode(secret.removeprefix(PREFIX), validate=True)
    except ValueError:
        raise ValueError(f"what follows {PREFIX} is not base64") from None


def is_signed(config: Mapping[str, Any], headers: Headers, body: bytes, secret: str, now_s: float) -> bool:
    """Whether the call has a signature of `body` with `secret`, not older (or newer) than `toleranceMs` where it is dated."""
    return proven(config, headers, body, secret, now_s) is not None


def proven(
    config: Mapping[str, Any], headers: Headers, body: bytes, secret: str, now_s: float
) -> tuple[str, bytes] | None:
    """The scheme and the signature that the call was to have, and has; None for one that is not signed.

    Ours, not what was sent: a header can be written in many ways that say the same. Raises ValueError as `signing_key` does.
    """
    try:
        signed = _READERS[config["preset"]](config, headers, body)
    except (KeyError, ValueError):
        return None
    if signed.timestamp is not None and not _is_fresh(signed.timestamp, config["toleranceMs"], now_s):
        return None
    key = signing_key(secret) if config["preset"] == "standard-webhooks" else secret.encode()
    expected = hmac.digest(key, signed.message, getattr(hashlib, signed.algorithm))
    # Every one is compared, so that the time says nothing about which was right.
    if sum(hmac.compare_digest(expected, each) for each in signed.signatures) == 0:
        return None
    return config["preset"] or "own", expected


def signature_headers(config: Mapping[str, Any]) -> tuple[str, ...]:
    """The headers, in lower case, that a signature comes in."""
    if config["preset"] is None:
        return (config["header"].lower(),)
    return (_HEADERS[config["preset"]],)


def is_dated(config: Mapping[str, Any]) -> bool:
    """Whether signatures of this kind have a time in them: then no two calls have the same one, except one sent again."""
    return config["preset"] in ("stripe", "slack", "standard-webhooks") or config.get("timestampHeader") is not None


def _own(config: Mapping[str, Any], headers: Headers, body: bytes) -> Signed:
    value, prefix = headers[config["header"].lower()].strip(), config["prefix"]
    if not value.startswith(prefix):
        raise ValueError("no such prefix")
    signature = _decoded(value[len(prefix) :], config["encoding"])
    if config["timestampHeader"] is None:
        return Signed((signature,), body, algorithm=config["algorithm"])
    at = headers[config["timestampHeader"].lower()].strip()
    return Signed((signature,), at.encode() + b"." + body, at, config["algorithm"])


def _github(_config: Mapping[str, Any], headers: Headers, body: bytes) -> Signed:
    kind, _, value = headers[_HEADERS["github"]].strip().partition("=")
    if kind != "sha256":
        raise ValueError("another algorithm")
    return Signed((_decoded(value, "hex"),), body)


def _stripe(_config: Mapping[str, Any], headers: Headers, body: bytes) -> Signed:
    parts = [part.strip().partition("=") for part in headers[_HEADERS["stripe"]].split(",")]
    at = {name: value for name, _, value in parts}["t"]
    found = tuple(_decoded(value, "hex") for name, _, value in parts if name == "v1")
    return Signed(found, at.encode() + b"." + body, at)


def _slack(_config: Mapping[str, Any], headers: Headers, body: bytes) -> Signed:
    kind, _, value = headers[_HEADERS["slack"]].strip().partition("=")
    if kind != "v0":
        raise ValueError("another version")
    at = headers["x-slack-request-timestamp"].strip()
    return Signed((_decoded(value, "hex"),), b"v0:" + at.encode() + b":" + body, at)


def _standard(_config: Mapping[str, Any], headers: Headers, body: bytes) -> Signed:
    """https://www.standardwebhooks.com: `v1,<base64>`, several separated by spaces."""
    at, name = headers["webhook-timestamp"].strip(), headers["webhook-id"]
    parts = [part.partition(",") for part in headers[_HEADERS["standard-webhooks"]].split()]
    found = tuple(_decoded(value, "base64") for version, _, value in parts if version == "v1")
    return Signed(found, f"{name}.{at}.".encode() + body, at)


def _is_fresh(timestamp: str, tolerance_ms: int, now_s: float) -> bool:
    if not (timestamp.isascii() and timestamp.isdigit() and len(timestamp) <= 13):
        return False
    # Thirteen digits are milliseconds; seconds will have ten for centuries.
    at_s = int(timestamp) / 1000 if len(timestamp) == 13 else int(timestamp)
    return abs(now_s - at_s) <= tolerance_ms / 1000


def _decoded(text: str, encoding: str) -> bytes:
    try:
        return binascii.unhexlify(text) if encoding == "hex" else b64decode(text, validate=True)
    except ValueError:
        raise ValueError("not a signature") from None


_HEADERS = {
    "github": "x-hub-signature-256",
    "stripe": "stripe-signature",
    "slack": "x-slack-signature",
    "standard-webhooks": "webhook-signature",
}
_READERS: Mapping[str | None, Callable[[Mapping[str, Any], Headers, bytes], Signed]] = {
    None: _own,
    "github": _github,
    "stripe": _stripe,
    "slack": _slack,
    "standard-webhooks": _standard,
}
