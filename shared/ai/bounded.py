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
            stream=_Counted(response, self._most_bytes),
            extensions={"http_version": version},
        )

    async def _trace(self, event: str, _: dict[str, Any]) -> None:
        if event.endswith(".send_request_headers.complete"):
            self._on_sent()


class _Counted(httpx2.AsyncByteStream):
    """The body of an answer, up to a limit."""

    def __init__(self, response: httpx2.Response, most_bytes: int) -> None:
        self._response = response
        self._left = most_bytes

    async def __aiter__(self) -> AsyncIterator[bytes]:
        """The chunks as they arrive."""
        async for chunk in self._response.aiter_raw():
            self._left -= len(chunk)
            if self._left < 0:
                raise NodeError(RESPONSE_TOO_LARGE, "The answer is larger than any reply may be: lower `maxTokens`.")
            yield chunk

    async def aclose(self) -> None:
        """Give the connection back, or close it."""
        await self._response.aclose()
