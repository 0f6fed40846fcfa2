"""What goes wrong between us and another system, as node errors that say what to do."""

import ssl
from collections.abc import Iterator
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

import httpx2

from shared.domain.errors import NodeError
from shared.net.certificates import tls_reason
from shared.net.resolve import ADDRESS_CODES

TLS_FAILED = "TLS_FAILED"
CODES = ADDRESS_CODES | {
    "CONNECT_FAILED": "No connection: refused or unreachable.",
    "CONNECT_TIMEOUT": "The host did not accept a connection in time.",
    TLS_FAILED: "The secure connection failed, for example because of the certificate.",
    "CONNECTION_LOST": "The connection broke before the answer was complete.",
    "INVALID_RESPONSE": "The answer cannot be read: it is not HTTP, or damaged, or not the kind that was asked for.",
    "INVALID_REQUEST": "The request breaks the rules of HTTP, for example by a header.",
}
"""The codes that `failure` and the guarded network raise."""

MAX_RETRY_AFTER_S = 3_600.0


def failure(error: httpx2.HTTPError, host: str, *, sent: bool = False) -> NodeError:
    """The node error for a failed exchange with `host`; no URL, header or body is in its text.

    Once our headers are `sent`, what the library takes for a breach of ours is one of the server's (HTTP/2 floods).
    """
    if isinstance(error, httpx2.ConnectTimeout):
        return NodeError("CONNECT_TIMEOUT", f"{host} did not accept a connection in time.", retryable=True)
    if isinstance(error, httpx2.ConnectError):
        return _connect_failure(error, host)
    if isinstance(error, httpx2.LocalProtocolError | httpx2.UnsupportedProtocol) and not sent:
        return NodeError("INVALID_REQUEST", f"The request to {host} is not valid HTTP: {str(error)[:200]}")
    return NodeError(
        "CONNECTION_LOST", f"The connection to {host} broke before the answer was complete.", retryable=True
    )


def _connect_failure(error: BaseException, host: str) -> NodeError:
    for reason in _chain(error):
        if isinstance(reason, ssl.SSLCertVerificationError):
            return NodeError(TLS_FAILED, f"The certificate of {host} is not trusted: {tls_reason(reason)}.")
        if isinstance(reason, ssl.SSLError):
            return NodeError(TLS_FAILED, f"No secure connection to {host}: {tls_reason(reason)}.")
        if isinstance(reason, ConnectionRefusedError):
            return NodeError("CONNECT_FAILED", f"{host} refused the connection: does it listen there?", retryable=True)
    return NodeError("CONNECT_FAILED", f"{host} cannot be reached.", retryable=True)


def _chain(error: BaseException) -> Iterator[BaseException]:
    """The error and what led to it, innermost parts and groups included."""
    todo, seen = [error], set[int]()
    while todo and len(seen) < 50:
        found = todo.pop(0)
        if id(found) in seen:
            continue
        seen.add(id(found))
        yield found
        inner = [found.__cause__, found.__context__, *found.args, *getattr(found, "exceptions", ())]
        todo += [part for part in inner if isinstance(part, BaseException)]


def retry_after_s(value: str | None, now: datetime | None = None) -> float | None:
    """Seconds of a Retry-After header, from a number or a date; None if it is missing or makes no sense.

    At most an hour: no server parks a run for longer.
    """
    text = (value or "").strip()
    if text.isdecimal():
        return min(float(text[:9]), MAX_RETRY_AFTER_S)
    try:
        at = parsedate_to_datetime(text)
    except (ValueError, TypeError, OverflowError):
        return None
    at = at if at.tzinfo else at.replace(tzinfo=UTC)
    return min(max(0.0, (at - (now or datetime.now(UTC))).total_seconds()), MAX_RETRY_AFTER_S)
