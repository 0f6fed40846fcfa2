"""`http.request`: sends one HTTP request and returns the answer."""

import asyncio
import re
import time
from dataclasses import dataclass
from typing import Annotated, Any, ClassVar, Literal, Self
from urllib.parse import urlencode

import httpx2
from pydantic import AfterValidator, BeforeValidator, Field, model_validator

from shared.domain.errors import InvalidValue
from shared.domain.values import to_json
from shared.net.bodies import MOST_BYTES, body_value, read_body
from shared.net.calls import MAX_URL, Call, parse_url, redirected
from shared.net.failures import CODES, failure, retry_after_s
from shared.nodes.base import Context, Done, NodeError, NodeType, Params

MAX_REDIRECTS = 3
_MOST_REQUEST_BYTES = 16_000_000
_ERROR_BYTES = 16_384
# Parsing more than this would hold up every other step on the loop.
_PARSED_AT_ONCE = 1_000_000
# Answers up to here need no room of their own in the worker's memory.
_USUAL_BYTES = 4_000_000
_EXCERPT = 200
_RETRYABLE = frozenset({408, 425, 429})
_TOKEN = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]{1,200}")
_OURS = frozenset(
    {"host", "content-length", "transfer-encoding", "connection", "keep-alive", "upgrade", "te", "trailer", "expect"}
)


def _scalar(value: Any) -> str | None:
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, int | float):
        return str(value)
    raise ValueError("this must be text, a number, true, false or null")


def _scalars(value: Any) -> Any:
    return [_scalar(item) for item in value] if isinstance(value, list) else _scalar(value)


def _headers(headers: dict[str, str | None]) -> dict[str, str | None]:
    for name, value in headers.items():
        if not _TOKEN.fullmatch(name):
            raise ValueError("a header's name is made of letters, digits and hyphens")
        if name.lower() in _OURS or name.lower().startswith("proxy-"):
            raise ValueError(f"the header {name} is set by Flowversal itself: leave it out")
        if value is not None and re.search(r"[\x00-\x08\x0a-\x1f\x7f]", value):
            raise ValueError(f"the value of the header {name} contains a line break or control character: remove it")
    return headers


def _statuses(value: Any) -> Any:
    statuses = value if isinstance(value, list) else []
    if isinstance(value, bool) or (statuses and all(type(item) is int and 100 <= item <= 599 for item in statuses)):
        return value
    raise ValueError("this must be true (from 400), false (never) or a list of statuses, as [404, 500]")


Scalar = Annotated[str | None, BeforeValidator(_scalar, json_schema_input_type=str | float | bool | None)]
Scalars = Annotated[
    str | list[str | None] | None,
    BeforeValidator(_scalars, json_schema_input_type=str | float | bool | list[str] | None),
]


class HttpRequestParams(Params):
    """What to send, and what to accept."""

    method: Annotated[
        Literal["GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS"],
        BeforeValidator(lambda value: value.upper() if isinstance(value, str) else value),
    ] = Field("GET", description="The HTTP method.")
    url: str = Field(description="Where to send it: an http:// or https:// address.", min_length=1, max_length=MAX_URL)
    headers: Annotated[dict[str, Scalar], AfterValidator(_headers)] = Field(
        default_factory=dict, description="Headers; one that is null is left out.", max_length=100
    )
    query: dict[str, Scalars] = Field(
        default_factory=dict,
        description="Added to the query of the URL; lists repeat, null is left out.",
        max_length=200,
    )
    body: Any = Field(None, description="What to send: JSON, an object of form fields, or text.")
    body_type: Literal["json", "form", "text"] | None = Field(
        None, description="How to send the body; text is sent as text and all else as JSON unless set."
    )
    timeout_ms: int = Field(30_000, description="Most time for all of it, in milliseconds.", ge=1, le=86_400_000)
    fail_on_status: Annotated[bool | list[int], BeforeValidator(_statuses)] = Field(
        True, description="Which statuses are errors: true (from 400), false (none), or a list such as [404, 500]."
    )
    max_bytes: int = Field(1_000_000, description="Largest answer that is accepted, in bytes.", ge=1, le=MOST_BYTES)

    @model_validator(mode="after")
    def _body_fits(self) -> Self:
        if self.body_type == "form":
            if self.body is not None and not isinstance(self.body, dict):
                raise ValueError("a form's `body` must be an object of fields")
            for value in (self.body or {}).values():
                _scalars(value)
        if self.body_type == "text" and isinstance(self.body, dict | list):
            raise ValueError('`body` must be text; an object or a list is sent with `bodyType` "json"')
        return self


class HttpRequest(NodeType):
    """Output `{status, headers, body, durationMs}`.

    Header names are in lower case, repeated headers joined by ", ", `set-cookie` is a list. `body` is null, parsed
    JSON, text, or `{base64, contentType, bytes}` for anything else. Redirects are followed up to three times, and every address on the way is checked.
    """

    type = "http.request"
    label = "HTTP request"
    help = "Call an HTTP or HTTPS address and use its answer."
    icon = "globe"
    params = HttpRequestParams
    example: ClassVar[dict[str, Any]] = {
        "method": "GET",
        "url": "https://api.example.com/orders",
        "query": {"page": 1},
        "timeoutMs": 10_000,
    }
    error_codes: ClassVar[dict[str, str]] = CODES | {
        "HTTP_STATUS": "The answer's status counts as an error (`failOnStatus`); 408, 425, 429 and 5xx may be retried.",
        "TIMEOUT": "No complete answer within `timeoutMs`.",
        "RESPONSE_TOO_LARGE": "The answer is larger than `maxBytes`.",
        "TOO_MANY_REDIRECTS": "More than three redirects in a row.",
        "INVALID_URL": "The URL is not a valid http:// or https:// address.",
    }

    def memory_bytes(self, params: HttpRequestParams) -> int:
        """A large `maxBytes` counts whole, as nobody knows what comes."""
        return params.max_bytes if params.max_bytes > _USUAL_BYTES else 0

    async def run(self, ctx: Context, params: HttpRequestParams) -> Done:
        """Send, follow redirects, read. Raises NodeError with the codes above."""
        call = build_call(params, ctx.idempotency_key)
        started = time.perf_counter()
        try:
            async with asyncio.timeout(params.timeout_ms / 1_000):
                for _ in range(MAX_REDIRECTS + 1):
                    answer = await _Exchange(ctx, params, call).run()
                    if answer.following is None:
                        return Done(await answer.output(started))
                    call = answer.following
        except TimeoutError:
            message = f"{call.host} gave no complete answer within {params.timeout_ms:,} ms."
            raise NodeError("TIMEOUT", message, retryable=True) from None
        raise NodeError("TOO_MANY_REDIRECTS", f"{call.host} is the end of more than {MAX_REDIRECTS} redirects.")


@dataclass(frozen=True, slots=True)
class _Answer:
    status: int
    headers: httpx2.Headers
    body: bytes
    following: Call | None

    async def output(self, started: float) -> dict[str, Any]:
        """The node's output."""
        took_ms = round((time.perf_counter() - started) * 1_000)
        kind = self.headers.get("content-type", "")
        small = len(self.body) <= _PARSED_AT_ONCE
        return {
            "status": self.status,
            "headers": _header_values(self.headers),
            "body": body_value(self.body, kind) if small else await asyncio.to_thread(body_value, self.body, kind),
            "durationMs": took_ms,
        }


@dataclass(slots=True)
class _Exchange:
    """One request and its answer: counted when it is sent, logged once."""

    ctx: Context
    params: HttpRequestParams
    call: Call
    status: int | None = None

    async def run(self) -> _Answer:
        started = time.perf_counter()
        result = "canceled or timed out"
        try:
            answer = await self._send()
            result = f"status {answer.status}"
        except httpx2.HTTPError as error:
            failed = failure(error, self.call.host)
            result = failed.code
            raise failed from None
        except NodeError as error:
            result = f"status {self.status}" if error.code == "HTTP_STATUS" else error.code
            raise
        finally:
            took = round((time.perf_counter() - started) * 1_000)
            self._log(result, took)
        return answer

    def _log(self, result: str, took_ms: int) -> None:
        method, host = self.call.method, self.call.host
        good = self.status is not None and self.status < 400
        self.ctx.log(
            "info" if good else "warning",
            f"{method} {host}: {result}, {took_ms} ms",
            method=method, host=host, status=self.status, durationMs=took_ms,
        )  # fmt: skip

    async def _send(self) -> _Answer:
        call, client = self.call, self.ctx.http
        request = client.build_request(
            call.method, call.url, headers=call.raw_headers(), content=call.content, extensions={"trace": self._trace}
        )
        response = await client.send(request, stream=True, follow_redirects=False)
        try:
            self.status = response.status_code
            following = redirected(call, response.status_code, response.headers.get("location"))
            if following is not None:
                return _Answer(response.status_code, response.headers, b"", following)
            if _is_error(response.status_code, self.params):
                raise await self._status_error(response)
            body = await read_body(response, self.params.max_bytes)
            return _Answer(response.status_code, response.headers, body, None)
        finally:
            await response.aclose()

    async def _trace(self, event: str, _: dict[str, Any]) -> None:
        if event.endswith(".send_request_headers.complete"):
            self.ctx.count_api_call()

    async def _status_error(self, response: httpx2.Response) -> NodeError:
        status = response.status_code
        excerpt = await self._excerpt(response)
        return NodeError(
            "HTTP_STATUS",
            f"HTTP {status} from {self.call.host}{': ' + excerpt if excerpt else '.'}",
            retryable=status in _RETRYABLE or status >= 500,
            retry_after_s=retry_after_s(response.headers.get("retry-after")),
        )

    async def _excerpt(self, response: httpx2.Response) -> str:
        """The beginning of a text answer on one line, without what we sent as headers."""
        try:
            body = await read_body(response, _ERROR_BYTES, cut=True)
        except (NodeError, httpx2.HTTPError):
            return ""
        if "text/html" in response.headers.get("content-type", ""):
            return ""
        text = body.decode("utf-8", errors="replace")
        if any(character < " " and character not in "\r\n\t" for character in text):
            return ""
        for value in self.call.headers.values():
            for secret in (value.decode(errors="replace"), value.decode(errors="replace").rpartition(" ")[2]):
                text = text.replace(secret, "•••") if len(secret) >= 8 else text
        text = " ".join(text.split())
        return text if len(text) <= _EXCERPT else f"{text[:_EXCERPT]}…"


def build_call(params: HttpRequestParams, idempotency_key: str) -> Call:
    """The request that the parameters describe. Raises NodeError INVALID_URL, INVALID_PARAMS."""
    url = parse_url(params.url)
    query = [(name, item) for name, value in params.query.items() for item in _items(value)]
    if query:
        url = url.copy_with(query="&".join(filter(None, [url.query.decode(), urlencode(query)])).encode())
    content, content_type = _content(params)
    given = {name.lower(): value.strip().encode() for name, value in params.headers.items() if value is not None}
    headers = {"idempotency-key": idempotency_key.encode()} | given
    if content_type and "content-type" not in headers:
        headers["content-type"] = content_type
    return Call(params.method, url, headers, content)


def _content(params: HttpRequestParams) -> tuple[bytes | None, bytes | None]:
    body, kind = params.body, params.body_type
    if body is None and kind != "json":
        return None, None
    if kind == "form":
        fields = [(name, item) for name, value in body.items() for item in _items(_scalars(value))]
        return urlencode(fields).encode(), b"application/x-www-form-urlencoded"
    if kind == "text" or (kind is None and isinstance(body, str)):
        return (_scalar(body) or "").encode(), b"text/plain; charset=utf-8"
    try:
        return to_json(body, max_bytes=_MOST_REQUEST_BYTES), b"application/json"
    except InvalidValue as error:
        raise NodeError("INVALID_PARAMS", f"body: {error}") from None


def _items(value: str | list[str | None] | None) -> list[str]:
    return [item for item in (value if isinstance(value, list) else [value]) if item is not None]


def _is_error(status: int, params: HttpRequestParams) -> bool:
    fail_on_status = params.fail_on_status
    if isinstance(fail_on_status, bool):
        return fail_on_status and status >= 400
    return status in fail_on_status


def _header_values(headers: httpx2.Headers) -> dict[str, Any]:
    values: dict[str, list[str]] = {}
    for name, value in headers.multi_items():
        values.setdefault(name, []).append(value)
    return {name: found if name == "set-cookie" else ", ".join(found) for name, found in values.items()}
