"""What goes wrong at a provider, as node errors that say what to do. Both SDKs raise the same shapes, so neither is imported."""

import json
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import httpx2

from shared.domain.errors import NodeError
from shared.domain.masking import without
from shared.net.failures import CODES as NETWORK_CODES
from shared.net.failures import MAX_RETRY_AFTER_S, TLS_FAILED, failure, retry_after_s
from shared.net.resolve import ADDRESS_CODES

AI_AUTH = "AI_AUTH"
AI_CONTENT_FILTER = "AI_CONTENT_FILTER"
AI_RATE_LIMITED = "AI_RATE_LIMITED"
AI_REFUSED = "AI_REFUSED"
AI_UNAVAILABLE = "AI_UNAVAILABLE"
INVALID_RESPONSE = "INVALID_RESPONSE"
CODES = {
    AI_AUTH: "The provider does not accept the credential, or it may not use this model.",
    AI_CONTENT_FILTER: "The provider withheld the reply, or refused the prompt, because of its content.",
    AI_RATE_LIMITED: "The provider asks to slow down, or is overloaded; another attempt follows when it says.",
    AI_REFUSED: "The provider refuses the request as it is, for example because of the model's name.",
    AI_UNAVAILABLE: "The provider cannot be reached, failed, or broke the reply off; another attempt may succeed.",
    INVALID_RESPONSE: "The answer is not what the protocol says, or does not follow `responseSchema`.",
    "RESPONSE_TOO_LARGE": "The answer is larger than any reply may be.",
    **ADDRESS_CODES,
    **{code: NETWORK_CODES[code] for code in (TLS_FAILED, "INVALID_REQUEST")},
}
"""The codes that come from here."""
_EXCERPT = 300
_LIMITED = re.compile(r"rate_?limit|overloaded|too_many_requests")
_BY_TIMESTAMP = ("anthropic-ratelimit-requests-reset", "anthropic-ratelimit-tokens-reset")
_BY_SPAN = ("x-ratelimit-reset-requests", "x-ratelimit-reset-tokens")
_REMAINING = {
    "anthropic-ratelimit-requests-reset": "anthropic-ratelimit-requests-remaining",
    "anthropic-ratelimit-tokens-reset": "anthropic-ratelimit-tokens-remaining",
    "x-ratelimit-reset-requests": "x-ratelimit-remaining-requests",
    "x-ratelimit-reset-tokens": "x-ratelimit-remaining-tokens",
}
_UNITS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3_600.0, "d": 86_400.0}


def broken_off() -> NodeError:
    """The error of a reply that ended without saying why."""
    return NodeError(AI_UNAVAILABLE, "The provider broke the reply off in the middle.", retryable=True)


def node_error(error: Exception, host: str, secret: str) -> NodeError:
    """The node error for whatever an SDK, or the client below it, raised. `secret` does not appear in its text."""
    found = _below(error, host)
    if found is not None:
        return found
    status = getattr(error, "status_code", None)
    body = getattr(error, "body", None)
    if isinstance(status, int) and status >= 300:
        return _of_status(status, body, error, host, secret)
    if isinstance(body, Mapping):
        return _of_event(body, host, secret)
    if type(error).__name__ in ("APIConnectionError", "APITimeoutError"):
        return NodeError(AI_UNAVAILABLE, f"The connection to {host} failed.", retryable=True)
    return NodeError(INVALID_RESPONSE, f"The answer of {host} is not what the protocol says.", retryable=True)


def _below(error: BaseException, host: str) -> NodeError | None:
    """What the guarded client said, where the SDK wrapped it; None where it was not the client."""
    reason: BaseException | None = error
    for _ in range(10):
        if reason is None:
            return None
        if isinstance(reason, NodeError):
            return reason
        if isinstance(reason, OverflowError):
            return NodeError("RESPONSE_TOO_LARGE", "The reply is longer than any may be: lower `maxTokens`.")
        if isinstance(reason, httpx2.TransportError):
            found = failure(reason, host)
            return NodeError(AI_UNAVAILABLE, found.message, retryable=True) if found.retryable else found
        if isinstance(reason, json.JSONDecodeError):
            return NodeError(INVALID_RESPONSE, f"{host} sent something that is no JSON.", retryable=True)
        reason = reason.__cause__
    return None


def _of_status(status: int, body: object, error: Exception, host: str, secret: str) -> NodeError:
    kind, said = _said(body, secret)
    text = f"HTTP {status} from {host}{': ' + said if said else '.'}"
    if status in (401, 403):
        return NodeError(AI_AUTH, text)
    if "content_filter" in kind or "content_policy" in kind:
        return NodeError(AI_CONTENT_FILTER, text)
    if "insufficient_quota" in kind:
        return NodeError(AI_REFUSED, text)
    if status in (429, 529) or _LIMITED.search(kind):
        headers = getattr(getattr(error, "response", None), "headers", {})
        return NodeError(AI_RATE_LIMITED, text, retryable=True, retry_after_s=wait_s(headers))
    if status in (408, 409, 425) or status >= 500:
        headers = getattr(getattr(error, "response", None), "headers", {})
        return NodeError(AI_UNAVAILABLE, text, retryable=True, retry_after_s=retry_after_s(headers.get("retry-after")))
    return NodeError(AI_REFUSED, text)


def _of_event(body: Mapping[str, Any], host: str, secret: str) -> NodeError:
    """An error that came in the middle of a stream."""
    kind, said = _said(body, secret)
    text = f"{host} broke the reply off{': ' + said if said else '.'}"
    if _LIMITED.search(kind):
        return NodeError(AI_RATE_LIMITED, text, retryable=True)
    if "content_filter" in kind or "content_policy" in kind:
        return NodeError(AI_CONTENT_FILTER, text)
    if "invalid_request" in kind or "exceed_context" in kind:
        return NodeError(AI_REFUSED, text)
    return NodeError(AI_UNAVAILABLE, text, retryable=True)


def _said(body: object, secret: str) -> tuple[str, str]:
    """(its kinds of error, its message on one line) as a provider gives them."""
    if isinstance(body, Mapping) and isinstance(body.get("error"), Mapping):
        body = body["error"]
    if not isinstance(body, Mapping):
        return "", ""
    kind = f"{body.get('type')} {body.get('code')}".lower()
    return kind, masked(body.get("message"), secret)


def masked(message: object, secret: str) -> str:
    """A provider's message on one line, short, without the credential."""
    text = " ".join(without(message, secret).split()) if isinstance(message, str) else ""
    return text if len(text) <= _EXCERPT else f"{text[:_EXCERPT]}…"


def wait_s(headers: Mapping[str, str], now: datetime | None = None) -> float | None:
    """Seconds that a provider asks to wait, from the headers of its answer; at most an hour. None if it does not say.

    `retry-after-ms`, `retry-after`, else the reset of a limit that is used up, as OpenAI and Anthropic write them.
    """
    precise = headers.get("retry-after-ms", "")
    if precise.isdecimal():
        return min(int(precise[:12]) / 1_000, MAX_RETRY_AFTER_S)
    told = retry_after_s(headers.get("retry-after"), now)
    if told is not None:
        return told
    waits = [_until(headers.get(name), now) for name in _BY_TIMESTAMP if _used_up(headers, name)]
    waits += [_span(headers.get(name)) for name in _BY_SPAN if _used_up(headers, name)]
    known = [wait for wait in waits if wait is not None]
    return min(max(known), MAX_RETRY_AFTER_S) if known else None


def _used_up(headers: Mapping[str, str], name: str) -> bool:
    return headers.get(_REMAINING[name], "0").strip() == "0"


def _until(text: str | None, now: datetime | None) -> float | None:
    try:
        at = datetime.fromisoformat(text or "")
    except ValueError:
        return None
    at = at if at.tzinfo else at.replace(tzinfo=UTC)
    return max(0.0, (at - (now or datetime.now(UTC))).total_seconds())


def _span(text: str | None) -> float | None:
    """Seconds of `1s`, `6m0s`, `120ms`."""
    parts = re.findall(r"(\d{1,9}(?:\.\d{1,9})?)(ms|s|m|h|d)", text or "")
    if not parts or "".join(number + unit for number, unit in parts) != text:
        return None
    return sum(float(number) * _UNITS[unit] for number, unit in parts)
