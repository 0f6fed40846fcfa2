"""API tokens and session keys: random text for the caller, a SHA-256 hash for the database."""

import re
import secrets
from hashlib import sha256

PREFIX = "fv_"
_TOKEN = re.compile(r"fv_[A-Za-z0-9_-]{32,200}")


def new_token() -> str:
    """A fresh API token: `fv_` and 43 characters, 256 bits of randomness."""
    return PREFIX + secrets.token_urlsafe(32)


def new_key() -> str:
    """A fresh session key or CSRF value: 43 characters."""
    return secrets.token_urlsafe(32)


def is_token(text: str) -> bool:
    """Whether the text can be an API token at all: `fv_` and 32 to 200 letters, digits, `-` or `_`."""
    return _TOKEN.fullmatch(text) is not None


def fingerprint(secret: str) -> bytes:
    """The hash that is stored. Plain SHA-256 is enough: the input is random, not a person's password."""
    return sha256(secret.encode()).digest()


def hint(token: str) -> str:
    """What a list may show of a token: its first characters, `fv_Ab12…`."""
    return f"{token[:7]}…"
