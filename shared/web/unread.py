"""What of a request's body nobody has read is read before an error is answered.

A server that closes a connection with bytes in it makes the client's system throw the answer away: the client would see
a broken pipe, and never the problem that says what to do.
"""

from collections.abc import Callable

from flask import Flask, request
from werkzeug.wrappers import Response

from shared.web.database import release
from shared.web.deadline import deadline

MOST_BYTES = 64_000_000
MOST_S = 5.0
_PIECE = 65_536


def install_unread(app: Flask) -> None:
    """Take and drop the rest of a refused body: at most 64 MB, for at most about 5 s."""

    @app.after_request
    def take(response: Response) -> Response:
        if response.status_code >= 400 and request.content_length:
            # Whoever sends slowly holds no connection meanwhile.
            release()
            _take(request.environ["wsgi.input"].read)
        return response


def _take(read: Callable[[int], bytes]) -> None:
    left = MOST_BYTES
    try:
        with deadline(MOST_S):
            while left > 0 and (piece := read(_PIECE)):
                left -= len(piece)
    except (OSError, ValueError):
        # The client has hung up, or did not send what it announced: nobody waits for the answer.
        return
