"""What a call of a webhook brought: its headers at once, its body within bounds of size and time."""

import time
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from flask import request
from werkzeug.exceptions import ClientDisconnected, RequestEntityTooLarge
from werkzeug.http import parse_options_header

from services.api.callback_body import SECRET_NAME, fields_of
from services.api.hooks.refused import Refused

_PIECE = 65_536
_SILENCE_S = 10.0
_LONGEST_S = 60.0
_MOST_HEADERS = 100
_LONGEST_HEADER = 4_000


@dataclass(frozen=True, slots=True)
class Call:
    """`headers` are all of them, by name in lower case: they have secrets. `shown` are those for everybody."""

    method: str
    path: str
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
        return {"path": self.path, "query": self.query, "headers": self.shown, "contentType": self.content_type}


def received(path: str, secret_headers: tuple[str, ...]) -> Call:
    """The current request without its body; `secret_headers` (in lower case) are for nobody to see."""
    headers = {name.lower(): value for name, value in request.headers}
    shown = {
        name: value[:_LONGEST_HEADER]
        for name, value in sorted(headers.items())
        if name not in secret_headers and (name == "idempotency-key" or not SECRET_NAME.search(name))
    }
    return Call(request.method, path, headers, dict(list(shown.items())[:_MOST_HEADERS]), fields_of(request.args))


def read_body(most: int) -> bytes:
    """The body, never more than `most` bytes of it in memory, whatever its headers say.

    Raises Refused: 413 for a longer one, 408 for one that does not come, 400 for one that ends too early.
    """
    request.max_content_length = most
    connection = request.environ.get("gunicorn.socket")
    until = time.monotonic() + _LONGEST_S
    pieces: list[bytes] = []
    try:
        if connection is not None:
            connection.settimeout(_SILENCE_S)
        while (piece := request.stream.read(_PIECE)) and _in_time(until):
            pieces.append(piece)
    except RequestEntityTooLarge:
        text = f"The body has more than {most:,} bytes, the limit (maxBytes) of this webhook."
        raise Refused(413, "too-large", "Too large", text) from None
    except TimeoutError:
        raise Refused(408, "too-slow", "Too slow", "The body did not arrive in time. Send it again.") from None
    except (ClientDisconnected, OSError):
        raise Refused(400, "cut-short", "Cut short", "The body ended before the length that was announced.") from None
    if connection is not None:
        with suppress(OSError):
            connection.settimeout(None)
    return b"".join(pieces)


def _in_time(until: float) -> bool:
    """True. Raises TimeoutError when it is later."""
    if time.monotonic() > until:
        raise TimeoutError
    return True
