"""The HTTP client that an SDK gets: the process's guarded one underneath, with limits that no SDK has.

What an SDK adds to a request, from the environment for example, does not leave the process: only known headers do, and the
credential is added here, so the SDK never has it.
"""

from collections.abc import AsyncIterator, Callable, Mapping
from typing import Any

import httpx2

from shared.domain.errors import NodeError

RESPONSE_TOO_LARGE = "RESPONSE_TOO_LARGE"
INVALID_RESPONSE = "INVALID_RESPONSE"
MOST_EVENT_BYTES = 1_000_000
MOST_EVENT_LINES = 2_000
_ENDS = (b"\n\n", b"\r\n\r\n", b"\r\r")
_LONGEST_END = 4
_SENT = frozenset({"accept", "content-type", "anthropic-version", "anthropic-beta"})


def bounded_client(
    http: httpx2.AsyncClient, headers: Mapping[str, str], on_sent: Callable[[], None], most_bytes: int
) -> httpx2.AsyncClient:
    """A client for one call, whose answer may have `most_bytes`. `headers` are added to each request; `on_sent` hears of each one that was sent.

    It follows no redirects, as `http`; it need not be closed. Raises NodeError RESPONSE_TOO_LARGE, INVALID_RESPONSE, beside
    what `http` raises.
    """
    return httpx2.AsyncClient(transport=_Bounded(http, headers, on_sent, most_bytes), trust_env=False, timeout=None)


class _Bounded(httpx2.AsyncBaseTransport):
    def __init__(
        self, http: httpx2.AsyncClient, headers: Mapping[str, str], on_sent: Callable[[], None], most_bytes: int
    ) -> None:
        self._http = http
        self._headers = dict(headers)
        self._on_sent = on_sent
        self._most_bytes = most_bytes

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        """Send it by the guarded client."""
        kept = {name: value for name, value in request.headers.items() if name.lower() in _SENT}
        inner = self._http.build_request(
            request.method,
            request.url,
            headers=kept | self._headers | {"accept-encoding": "identity"},
            content=await request.aread(),
            extensions={"trace": self._trace},
        )
        response = await self._http.send(inner, stream=True, follow_redirects=False)
        if response.headers.get("content-encoding", "identity").strip().lower() != "identity":
            await response.aclose()
            raise NodeError(INVALID_RESPONSE, f"{request.url.host} packs its answers although it was asked not to.")
        version = response.extensions.get("http_version", b"HTTP/1.1")
        return httpx2.Response(
            response.status_code,
            headers=response.headers,
            stream=_Counted(response, self._most_bytes, events=_is_events(response)),
            extensions={"http_version": version},
        )

    async def _trace(self, event: str, _: dict[str, Any]) -> None:
        if event.endswith(".send_request_headers.complete"):
            self._on_sent()


def _is_events(response: httpx2.Response) -> bool:
    return bool(response.headers.get("content-type", "").lower().startswith("text/event-stream"))


class _Counted(httpx2.AsyncByteStream):
    """The body of an answer, up to a limit. Of a stream of events whole ones only, each within limits of its own: a
    decoder may take much longer for one that never ends.
    """

    def __init__(self, response: httpx2.Response, most_bytes: int, *, events: bool) -> None:
        self._response = response
        self._left = most_bytes
        self._events = Events() if events else None

    async def __aiter__(self) -> AsyncIterator[bytes]:
        """The chunks as they arrive."""
        async for chunk in self._response.aiter_raw():
            self._left -= len(chunk)
            if self._left < 0:
                raise NodeError(RESPONSE_TOO_LARGE, "The answer is larger than any reply may be: lower `maxTokens`.")
            whole = chunk if self._events is None else self._events.add(chunk)
            if whole:
                yield whole
        if self._events is not None and self._events.rest:
            yield bytes(self._events.rest)

    async def aclose(self) -> None:
        """Give the connection back, or close it."""
        await self._response.aclose()


class Events:
    """Server-sent events, put together of chunks. `rest` is the beginning of one that is not over."""

    def __init__(self) -> None:
        self.rest = bytearray()
        self._lines = 0

    def add(self, chunk: bytes) -> bytes:
        """The events that are whole now. Raises NodeError INVALID_RESPONSE for one that is too long."""
        since = max(0, len(self.rest) - _LONGEST_END + 1)
        self.rest += chunk
        self._lines += _lines(chunk)
        end = max((at + len(mark) for mark in _ENDS if (at := self.rest.rfind(mark, since)) >= 0), default=0)
        whole = bytes(self.rest[:end])
        if whole:
            del self.rest[:end]
            self._lines = _lines(self.rest)
        if len(self.rest) > MOST_EVENT_BYTES or self._lines > MOST_EVENT_LINES:
            raise NodeError(INVALID_RESPONSE, "The answer is no stream of events: one of them has no end.")
        return whole


def _lines(text: bytes | bytearray) -> int:
    return text.count(b"\n") + text.count(b"\r")
