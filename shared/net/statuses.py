"""Which statuses are errors, which are worth another attempt, and what a failed answer tells."""

from collections.abc import Callable
from dataclasses import dataclass

import httpx2

from shared.domain.errors import NodeError
from shared.domain.masking import MASK, without
from shared.net.bodies import read_body
from shared.net.calls import SENT_ANYWHERE, Call
from shared.net.failures import retry_after_s

HTTP_STATUS = "HTTP_STATUS"
RETRYABLE = frozenset({408, 425, 429})
_ERROR_BYTES = 16_384
_EXCERPT = 200
_SHORTEST_HEADER = 8


class StatusError(NodeError):
    """A status that counts as an error; `call` is what was answered with it."""

    def __init__(self, message: str, call: Call, status: int, *, retryable: bool, retry_after_s: float | None) -> None:
        self.call = call
        self.status = status
        super().__init__(HTTP_STATUS, message, retryable=retryable, retry_after_s=retry_after_s)


def from_400(status: int) -> bool:
    """Client and server errors."""
    return status >= 400


def not_2xx(status: int) -> bool:
    """Everything but success, redirects included."""
    return not 200 <= status < 300


def worth_another(status: int) -> bool:
    """Whether the same request may well succeed later."""
    return status in RETRYABLE or status >= 500


@dataclass(frozen=True, slots=True)
class Accepted:
    """Which answers a caller takes."""

    max_bytes: int
    fails: Callable[[int], bool] = from_400
    retryable: Callable[[int], bool] = worth_another
    max_redirects: int | None = None
    """How many are followed; None: a redirect is an answer like any other."""


async def status_error(response: httpx2.Response, call: Call, accepted: Accepted) -> StatusError:
    """The error for a status that counts as one, with the beginning of the answer."""
    status = response.status_code
    text = await _excerpt(response, call)
    return StatusError(
        f"HTTP {status} from {call.host}{': ' + text if text else '.'}",
        call,
        status,
        retryable=accepted.retryable(status),
        retry_after_s=retry_after_s(response.headers.get("retry-after")),
    )


async def _excerpt(response: httpx2.Response, call: Call) -> str:
    """The beginning of a text answer on one line, without what we sent as headers or secrets."""
    try:
        body = await read_body(response, _ERROR_BYTES, cut=True)
    except (NodeError, httpx2.HTTPError):
        return ""
    if "text/html" in response.headers.get("content-type", ""):
        return ""
    text = body.decode("utf-8", errors="replace")
    if any(character < " " and character not in "\r\n\t" for character in text):
        return ""
    text = " ".join(masked(text, call).split())
    return text if len(text) <= _EXCERPT else f"{text[:_EXCERPT]}…"


def masked(text: str, call: Call) -> str:
    """The text without the values of the call's headers and without its secrets."""
    for sent in (value.decode(errors="replace") for name, value in call.headers.items() if name not in SENT_ANYWHERE):
        for part in (sent, sent.rpartition(" ")[2]):
            text = text.replace(part, MASK) if len(part) >= _SHORTEST_HEADER else text
    return without(text, *call.secrets)
