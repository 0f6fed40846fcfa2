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
_REST_S = 0.5
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
    # Werkzeug refuses a body without a length at exactly its limit.
    request.max_content_length = most + 1
    connection = request.environ.get("gunicorn.socket")
    until = time.monotonic() + _LONGEST_S
    pieces: list[bytes] = []
    body = b""
    try:
        if connection is not None:
            connection.settimeout(_SILENCE_S)
        while (piece := request.stream.read(_PIECE)) and _in_time(until):
            pieces.append(piece)
        body = b"".join(pieces)
        _check_size(len(body), most)
    except RequestEntityTooLarge:
        _check_size(most + 1, most)
    except (ClientDisconnected, OSError) as error:
        # Werkzeug says of every trouble that the client went away.
        if isinstance(error, TimeoutError) or isinstance(error.__context__, TimeoutError):
            if connection is not None:
                # Nobody waits for the rest for long, before the answer.
                connection.settimeout(_REST_S)
            raise Refused(408, "too-slow", "Too slow", "The body did not arrive in time. Send it again.") from None
        _check_end(0, 1)
    # Gunicorn says nothing of a body that ends too early.
    _check_end(len(body), request.content_length or 0)
    if connection is not None:
        with suppress(OSError):
            connection.settimeout(None)
    return body


def _check_size(size: int, most: int) -> None:
    if size > most:
        text = f"The body has more than {most:,} bytes, the limit (maxBytes) of this webhook."
        raise Refused(413, "too-large", "Too large", text)


def _check_end(size: int, announced: int) -> None:
    if size < announced:
        raise Refused(400, "cut-short", "Cut short", "The body ended before the length that was announced.")


def _in_time(until: float) -> bool:
    """True. Raises TimeoutError when it is later."""
    if time.monotonic() > until:
        raise TimeoutError
    return True
