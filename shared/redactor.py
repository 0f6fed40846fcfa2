"""Replaces secret values, in the forms in which they travel, by `•••`: in texts, in JSON, and in this process's logs."""

import html
import json
from base64 import b64encode
from collections import OrderedDict
from collections.abc import Iterable, Iterator
from threading import Lock
from typing import Any
from urllib.parse import quote, quote_plus

import orjson
from pydantic import BaseModel

from shared.credentials.secret_fields import plain_texts, secret_values
from shared.domain.values import from_json, to_json

MASK = "•••"
MIN_LENGTH = 4
"""A shorter secret would be found everywhere."""
_SAFE_PART = 8
"""From so many bytes on, a part of a base64 text is hardly ever there by chance."""
_URL_SAFE = str.maketrans("+/", "-_")
_REMEMBERED = 200
# Any two bytes in front of a secret shift its base64 by a part of a character.
_SHIFTS = ((0, 0), (1, 2), (2, 3))
_UNLIMITED = 1 << 40


class Redactor:
    """What the credentials of one attempt have that must not be seen. Made when the first of them is opened."""

    def __init__(self) -> None:
        self._texts: tuple[str, ...] = ()
        self._raws: tuple[bytes, ...] = ()

    def add(self, fields: BaseModel) -> None:
        """Mask the secrets of these fields from now on."""
        found = {*self._texts, *forms_of(fields)}
        # The longest first: it may hold another.
        self._texts = tuple(sorted(found, key=len, reverse=True))
        self._raws = tuple(_inside_json(text) for text in self._texts)

    def text(self, text: str) -> str:
        """The text without the secrets."""
        for form in self._texts:
            if form in text:
                text = text.replace(form, MASK)
        return text

    def raw(self, raw: bytes) -> bytes:
        """Bytes without the secrets, wherever UTF-8 has them."""
        for form in self._texts:
            raw = raw.replace(form.encode("utf-8", "surrogatepass"), MASK.encode())
        return raw

    def value(self, value: Any) -> Any:
        """A JSON value without the secrets, keys and numbers too."""
        if isinstance(value, str):
            return self.text(value)
        if isinstance(value, dict):
            return {self.value(key): self.value(part) for key, part in value.items()}
        if isinstance(value, list | tuple):
            return [self.value(part) for part in value]
        if isinstance(value, int | float) and not isinstance(value, bool):
            return MASK if any(form in str(value) for form in self._texts) else value
        return value

    def found_in(self, raw: bytes) -> bool:
        """Whether a JSON text has one of them in it; the quick look at what is usually clean."""
        return any(form in raw for form in self._raws)

    def json(self, text: str) -> str:
        """A JSON text without the secrets; JSON still."""
        raw = text.encode()
        return to_json(self.value(from_json(raw)), max_bytes=_UNLIMITED).decode() if self.found_in(raw) else text


class KnownSecrets:
    """The secrets of the credentials that this process opened last, for what it logs. Bounded."""

    def __init__(self) -> None:
        self._forms: OrderedDict[frozenset[str], None] = OrderedDict()
        self._texts: tuple[str, ...] = ()
        self._lock = Lock()

    def add(self, fields: BaseModel) -> None:
        """Mask the secrets of these fields in every log line from now on."""
        forms = frozenset(forms_of(fields))
        with self._lock:
            if forms and forms not in self._forms:
                self._forms[forms] = None
                while len(self._forms) > _REMEMBERED:
                    self._forms.popitem(last=False)
                self._texts = tuple(sorted(set().union(*self._forms), key=len, reverse=True))
            elif forms:
                self._forms.move_to_end(forms)

    def mask(self, text: str) -> str:
        """The text without them."""
        for form in self._texts:
            if form in text:
                text = text.replace(form, MASK)
        return text


KNOWN = KnownSecrets()
"""This process's; whoever opens a credential adds to it, the logs ask it."""


def forms_of(fields: BaseModel) -> set[str]:
    """Every text that gives a secret of these fields away: as it is, quoted for URLs, JSON and HTML, in base64 and hex.

    Base64 also in the middle of a longer text, as `user:password` is, for secrets of 8 bytes or more; shorter ones with each
    of the other fields in front.
    """
    beside = {text for text in plain_texts(fields) if text}
    return {form for secret in secret_values(fields) if len(secret) >= MIN_LENGTH for form in _forms(secret, beside)}


def _forms(secret: str, beside: Iterable[str]) -> Iterator[str]:
    yield secret
    for quoted in (quote(secret, safe=""), quote(secret), quote_plus(secret)):
        yield quoted
        yield _lower_escapes(quoted)
    yield html.escape(secret)
    for escaped in (json.dumps(secret)[1:-1], _inside_json(secret).decode()):
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


def _inside_json(text: str) -> bytes:
    try:
        return orjson.dumps(text)[1:-1]
    except orjson.JSONEncodeError:  # a lone surrogate, which no stored JSON can have
        return json.dumps(text)[1:-1].encode()
