"""Replaces secret values, in the forms in which they travel, by `•••`: in texts, in JSON, and in this process's logs."""

from collections import OrderedDict
from threading import Lock
from typing import Any

from pydantic import BaseModel

from shared.credentials.secret_fields import plain_texts, secret_values
from shared.domain.masking import MASK, forms, inside_json, longest_first, replaced
from shared.domain.values import from_json, to_json

_REMEMBERED = 200
_UNLIMITED = 1 << 40


class Redactor:
    """What the credentials of one attempt have that must not be seen. Made when the first of them is opened."""

    def __init__(self) -> None:
        self._texts: tuple[str, ...] = ()
        self._raws: tuple[bytes, ...] = ()

    def add(self, fields: BaseModel) -> None:
        """Mask the secrets of these fields from now on."""
        self._add(forms_of(fields))

    def add_text(self, secret: str) -> None:
        """Mask this text from now on."""
        self._add(forms(secret))

    def _add(self, forms: set[str]) -> None:
        self._texts = longest_first({*self._texts, *forms})
        self._raws = tuple(inside_json(text) for text in self._texts)

    def text(self, text: str) -> str:
        """The text without the secrets."""
        return replaced(text, self._texts)

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
        self._add(frozenset(forms_of(fields)))

    def add_text(self, secret: str) -> None:
        """Mask this text in every log line from now on."""
        self._add(frozenset(forms(secret)))

    def _add(self, forms: frozenset[str]) -> None:
        with self._lock:
            if forms and forms not in self._forms:
                self._forms[forms] = None
                while len(self._forms) > _REMEMBERED:
                    self._forms.popitem(last=False)
                self._texts = longest_first(set().union(*self._forms))
            elif forms:
                self._forms.move_to_end(forms)

    def mask(self, text: str) -> str:
        """The text without them."""
        return replaced(text, self._texts)


KNOWN = KnownSecrets()
"""This process's; whoever opens a credential adds to it, the logs ask it."""


def forms_of(fields: BaseModel) -> set[str]:
    """Every text that gives a secret of these fields away, base64 of short ones with each of the other fields in front."""
    beside = {text for text in plain_texts(fields) if text}
    return {form for secret in secret_values(fields) for form in forms(secret, beside)}
