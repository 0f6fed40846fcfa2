"""How a secret is recognised in a text, in the forms in which it travels, and replaced by `•••`. Pure."""

import html
import json
from base64 import b64encode
from collections.abc import Iterable, Iterator
from urllib.parse import quote, quote_plus

import orjson

MASK = "•••"
SHORTEST_SECRET = 4
"""Characters; a shorter secret would be found everywhere."""
_SAFE_PART = 8
"""From so many bytes on, a part of a base64 text is hardly ever there by chance."""
_URL_SAFE = str.maketrans("+/", "-_")
# Any two bytes in front of a secret shift its base64 by a part of a character.
_SHIFTS = ((0, 0), (1, 2), (2, 3))


def forms(secret: str, beside: Iterable[str] = ()) -> set[str]:
    """Every text that gives a secret away: as it is, quoted for URLs, JSON and HTML, in base64 and hex; none if it is too
    short to be told from other text.

    Base64 also in the middle of a longer text, as `user:password` is, for secrets of 8 bytes or more; shorter ones with each
    of the texts `beside` it in front.
    """
    return set(_forms(secret, beside)) if len(secret) >= SHORTEST_SECRET else set()


def longest_first(forms: Iterable[str]) -> tuple[str, ...]:
    """In the order in which they are to be replaced: a longer one may hold another."""
    return tuple(sorted(set(forms), key=len, reverse=True))


def replaced(text: str, forms: Iterable[str]) -> str:
    """The text, dots in place of each of the forms."""
    for form in forms:
        if form in text:
            text = text.replace(form, MASK)
    return text


def without(text: str, *secrets: str) -> str:
    """The text, dots in place of every form of the secrets."""
    return replaced(text, longest_first(form for secret in secrets for form in forms(secret)))


def inside_json(text: str) -> bytes:
    """As it stands between the quotes of compact UTF-8 JSON."""
    try:
        return orjson.dumps(text)[1:-1]
    except orjson.JSONEncodeError:  # a lone surrogate, which no stored JSON can have
        return json.dumps(text)[1:-1].encode()


def _forms(secret: str, beside: Iterable[str]) -> Iterator[str]:
    yield secret
    for quoted in (quote(secret, safe=""), quote(secret), quote_plus(secret)):
        yield quoted
        yield _lower_escapes(quoted)
    yield html.escape(secret)
    for escaped in (json.dumps(secret)[1:-1], inside_json(secret).decode()):
        yield escaped
        yield json.dumps(escaped)[1:-1]
    raw = secret.encode("utf-8", "surrogatepass")
    whole = [raw, raw + b":", b":" + raw, *(f"{text}:{secret}".encode("utf-8", "surrogatepass") for text in beside)]
    encoded = [b64encode(each).decode().rstrip("=") for each in whole]
    if len(raw) >= _SAFE_PART:
        encoded += [_middle(raw, shift, skip) for shift, skip in _SHIFTS]
        yield raw.hex()
        yield raw.hex().upper()
    for text in encoded:
        yield text
        yield text.translate(_URL_SAFE)


def _middle(raw: bytes, shift: int, skip: int) -> str:
    """The characters of a base64 text that the secret alone decides, whatever stands around it."""
    whole = (shift + len(raw)) * 8 // 6
    return b64encode(b"\0" * shift + raw).decode()[skip:whole]


def _lower_escapes(quoted: str) -> str:
    head, *rest = quoted.split("%")
    return head + "".join(f"%{part[:2].lower()}{part[2:]}" for part in rest)
