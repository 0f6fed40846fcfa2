"""What a call of a webhook brought: its headers at once, its body within bounds of size and time."""

from dataclasses import dataclass
from io import BytesIO
from itertools import accumulate, islice, takewhile
from typing import Any

from flask import request
from werkzeug.exceptions import ClientDisconnected, RequestEntityTooLarge
from werkzeug.http import parse_options_header

from services.api.callback_body import SECRET_NAME, fields_of
from services.api.hooks.refused import Refused
from services.api.hooks.room import Share
from shared.db.webhooks import Webhook
from shared.web.deadline import deadline

_PATIENCE_S = 10.0
_SLOWEST = 250_000
"""Bytes in a second; a body that comes slower is given up, once its patience is used up too."""
_PIECE = 65_536
_MOST_HEADERS = 100
_LONGEST_HEADER = 4_000
_MOST_OF_HEADERS = 16_000
"""Characters of all of them, names and values."""


@dataclass(frozen=True, slots=True)
class Call:
    """`headers` are all of them, by name in lower case: they have secrets. `shown` are those for everybody.

    `shown_path` is the path, or where that is as good as a secret the trigger's id.
    """

    method: str
    path: str
    shown_path: str
    headers: dict[str, str]
    shown: dict[str, str]
    query: dict[str, Any]

    @property
    def content_type(self) -> str:
        """As the caller sent it."""
        return self.headers.get("content-type", "")

    @property
    def mimetype(self) -> str:
        """In lower case, without parameters."""
        return parse_options_header(self.content_type)[0].lower()

    @property
    def request(self) -> dict[str, Any]:
        """What is kept of it beside its body."""
        return {"path": self.shown_path, "query": self.query, "headers": self.shown, "contentType": self.content_type}


def received(webhook: Webhook, path: str, secret_headers: tuple[str, ...]) -> Call:
    """The current request without its body; `secret_headers` (in lower case) are for nobody to see."""
    headers = {name.lower(): value for name, value in request.headers}
    shown_path = webhook.config["path"] or webhook.key
    secret_path = path if path != shown_path else None
    shown = {
        name: value[:_LONGEST_HEADER]
        for name, value in sorted(headers.items())
        if name not in secret_headers and not _is_secret(name, value, secret_path)
    }
    return Call(request.method, path, shown_path, headers, _within(shown), fields_of(request.args))


def _is_secret(name: str, value: str, path: str | None) -> bool:
    """Proxies repeat the address in headers of theirs."""
    if path is not None and path in value:
        return True
    return name != "idempotency-key" and SECRET_NAME.search(name) is not None


def _within(headers: dict[str, str]) -> dict[str, str]:
    """Those that come first, of a hundred and `_MOST_OF_HEADERS` characters."""
    sizes = accumulate(len(name) + len(value) for name, value in headers.items())
    kept = takewhile(lambda size: size <= _MOST_OF_HEADERS, sizes)
    return dict(islice(headers.items(), min(_MOST_HEADERS, len(list(kept)))))


def read_body(most: int, share: Share) -> bytes:
    """The body, never more than `most` bytes of it in memory, whatever its headers say; `share` grows as it comes.

    Raises Refused: 413 for a longer one, 408 for one that does not come, 400 for one that ends too early, 429 without room.
    """
    announced = request.content_length
    # Werkzeug refuses a body without a length at exactly its limit.
    request.max_content_length = most + 1
    body = BytesIO()
    try:
        with deadline(_PATIENCE_S + (most if announced is None else announced) / _SLOWEST):
            while piece := request.stream.read(_PIECE):
                share.grow(len(piece))
                body.write(piece)
    except RequestEntityTooLarge:
        raise _too_large(most) from None
    except (ClientDisconnected, OSError) as error:
        # Werkzeug says of every trouble that the client went away.
        if isinstance(error, TimeoutError) or isinstance(error.__context__, TimeoutError):
            raise Refused(408, "too-slow", "Too slow", "The body did not arrive in time. Send it again.") from None
        raise _cut_short() from None
    if body.tell() > most:
        raise _too_large(most)
    # Gunicorn says nothing of a body that ends too early.
    if body.tell() < (announced or 0):
        raise _cut_short()
    return body.getvalue()


def _too_large(most: int) -> Refused:
    text = f"The body has more than {most:,} bytes, the limit (maxBytes) of this webhook."
    return Refused(413, "too-large", "Too large", text)


def _cut_short() -> Refused:
    return Refused(400, "cut-short", "Cut short", "The body ended before the length that was announced.")
