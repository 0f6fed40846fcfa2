"""`http.request`: sends one HTTP request and returns the answer."""

import asyncio
import time
from dataclasses import replace
from typing import Any, ClassVar
from urllib.parse import urlencode

from shared.net.calls import CALL_CODES, Call, parse_url
from shared.net.deadline import within
from shared.net.exchange import Answer
from shared.net.failures import CODES
from shared.net.session import AUTHORISE_CODES, Session
from shared.net.tls import TLS_CODES, Tls
from shared.nodes.base import Context, Done, NodeError, NodeType
from shared.nodes.http.answers import answer_body, header_values
from shared.nodes.http.content import content, file_bytes
from shared.nodes.http.pages import Pages
from shared.nodes.http.parameters import HttpRequestParams
from shared.nodes.http.scalars import items

# Answers up to here need no room of their own in the worker's memory.
_USUAL_BYTES = 4_000_000
_BUILT_AT_ONCE = 1_000_000


class HttpRequest(NodeType):
    """Output `{status, headers, body, durationMs}`, or with `paginate` `{items, pages, complete, status, headers, durationMs}`.

    Header names are in lower case, repeated headers joined by ", ", `set-cookie` is a list. `body` is null, parsed
    JSON, text, or a file `{base64, contentType, bytes, name?}`. Every address, also of a redirect, is checked.
    """

    type = "http.request"
    label = "HTTP request"
    help = "Call an HTTP or HTTPS address and use its answer."
    icon = "globe"
    params = HttpRequestParams
    time_parameter = "timeoutMs"
    example: ClassVar[dict[str, Any]] = {
        "method": "GET",
        "url": "https://api.example.com/orders",
        "query": {"page": 1},
        "timeoutMs": 10_000,
    }
    error_codes: ClassVar[dict[str, str]] = (
        CODES
        | CALL_CODES
        | AUTHORISE_CODES
        | TLS_CODES
        | {
            "HTTP_STATUS": "The answer's status counts as an error; 408, 425, 429, 5xx and `retryOnStatus` may be retried.",
            "TIMEOUT": "No complete answer within `timeoutMs`.",
            "RESPONSE_TOO_LARGE": "The answer is larger than `maxBytes`, or the pages than `paginate.maxTotalBytes`.",
            "TOO_MANY_REDIRECTS": "More redirects in a row than `maxRedirects`.",
            "PAGINATION_FAILED": "The list or the next page is not where `paginate` says, or on another origin.",
        }
    )

    def memory_bytes(self, params: HttpRequestParams) -> int:
        """Large limits count whole, as nobody knows what comes; and the files that are sent."""
        most = params.paginate.max_total_bytes if params.paginate else params.max_bytes
        most += file_bytes(params.body, params.body_type)
        return most if most > _USUAL_BYTES else 0

    async def run(self, ctx: Context, params: HttpRequestParams) -> Done:
        """Send, follow redirects, read, page by page. Raises NodeError with the codes above."""
        started = time.perf_counter()
        call = await _built(params, ctx.idempotency_key)
        async with within(params.timeout_ms / 1_000, call.host):
            secret = await ctx.credential(params.credential) if params.credential else None
            session = Session(ctx, params.accepted(), secret)
            call = replace(call, tls=await _tls(ctx, params, call.host))
            if params.paginate is not None:
                return Done(await _pages(Pages(session, params.paginate, call), started))
            return Done(await _output(await session.send(call), params, started))


async def _output(answer: Answer, params: HttpRequestParams, started: float) -> dict[str, Any]:
    took_ms = _ms_since(started)
    return {
        "status": answer.status,
        "headers": header_values(answer),
        "body": await answer_body(answer, params.response_type),
        "durationMs": took_ms,
    }


async def _pages(pages: Pages, started: float) -> dict[str, Any]:
    await pages.collect()
    return {
        "items": pages.items,
        "pages": pages.pages,
        "complete": pages.complete,
        "status": pages.last.status if pages.last else None,
        "headers": header_values(pages.last) if pages.last else {},
        "durationMs": _ms_since(started),
    }


def _ms_since(started: float) -> int:
    return round((time.perf_counter() - started) * 1_000)


async def _tls(ctx: Context, params: HttpRequestParams, host: str) -> Tls | None:
    if params.client_certificate is None:
        return Tls(params.ca_certificate) if params.ca_certificate else None
    secret = await ctx.credential(params.client_certificate)
    secret.check_host(host)
    found: Tls = secret.fields.tls(params.ca_certificate)
    return found


async def _built(params: HttpRequestParams, idempotency_key: str) -> Call:
    # Large files would hold up every other step on the loop.
    if file_bytes(params.body, params.body_type) > _BUILT_AT_ONCE:
        return await asyncio.to_thread(build_call, params, idempotency_key)
    return build_call(params, idempotency_key)


def build_call(params: HttpRequestParams, idempotency_key: str) -> Call:
    """The request that the parameters describe. Raises NodeError INVALID_URL, INVALID_PARAMS."""
    url = parse_url(params.url)
    if params.credential and url.userinfo:
        raise NodeError("INVALID_PARAMS", "url: leave the user out, the credential takes its place.")
    query = [(name, item) for name, value in params.query.items() for item in items(value)]
    if query:
        url = url.copy_with(query="&".join(filter(None, [url.query.decode(), urlencode(query)])).encode())
    body, content_type = content(params.body, params.body_type)
    given = {name.lower(): value.strip().encode() for name, value in params.headers.items() if value is not None}
    headers = {"idempotency-key": idempotency_key.encode()} | given
    if content_type and ("content-type" not in headers or params.body_type == "multipart"):
        headers["content-type"] = content_type
    return Call(params.method, url, headers, body)
