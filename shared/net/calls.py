"""One request to another system as a value, and where a redirect leads it. Pure."""

import re
from dataclasses import dataclass, replace

import httpx2

from shared.domain.errors import NodeError

INVALID_URL = "INVALID_URL"
MAX_URL = 8_192
_HOST = re.compile(rb"[A-Za-z0-9._-]{1,253}|[0-9A-Fa-f:.]{2,45}")
_REDIRECTS = frozenset({301, 302, 303, 307, 308})
# What describes the message may go to another origin; all else may be a secret.
_SENT_ANYWHERE = frozenset({"accept", "accept-language", "accept-encoding", "content-type", "user-agent"})
_OF_BODY = frozenset({"content-type"})


@dataclass(frozen=True, slots=True)
class Call:
    """A request that is ready to be sent; header names in lower case."""

    method: str
    url: httpx2.URL
    headers: dict[str, bytes]
    content: bytes | None = None

    def raw_headers(self) -> list[tuple[bytes, bytes]]:
        """The headers as they are sent."""
        return [(name.encode(), value) for name, value in self.headers.items()]

    @property
    def host(self) -> str:
        """The host for messages and logs: no user, no path, no query."""
        return self.url.host


def parse_url(text: str) -> httpx2.URL:
    """An absolute http or https URL without fragment. Raises NodeError INVALID_URL; the text is not echoed."""
    if len(text) > MAX_URL:
        raise NodeError(INVALID_URL, f"The URL has more than {MAX_URL:,} characters: send the rest in the body.")
    try:
        url = httpx2.URL(text.strip())
    except (httpx2.InvalidURL, ValueError, TypeError) as error:
        reason = str(error) if isinstance(error, httpx2.InvalidURL) else "it cannot be read"
        raise NodeError(INVALID_URL, f"The URL is not valid: {reason[:200]}") from None
    if url.scheme not in ("http", "https") or not _HOST.fullmatch(url.raw_host):
        raise NodeError(INVALID_URL, "The URL must begin with http:// or https:// and name a host.")
    return url.copy_with(fragment=None)


def redirected(call: Call, status: int, location: str | None) -> Call | None:
    """What to send next, or None if this answer is no redirect. Raises NodeError INVALID_URL.

    303, and 301 or 302 after POST, become GET without a body. Another origin gets no headers that could be secret.
    """
    if status not in _REDIRECTS or not location:
        return None
    try:
        url = parse_url(str(call.url.join(location)))
    except (httpx2.InvalidURL, ValueError):
        raise NodeError(INVALID_URL, f"{call.host} redirects to a URL that is not valid.") from None
    following = replace(call, url=url)
    if (status == 303 and call.method != "HEAD") or (status in (301, 302) and call.method == "POST"):
        kept = {name: value for name, value in call.headers.items() if name not in _OF_BODY}
        following = replace(following, method="GET", content=None, headers=kept)
    if _origin(url) != _origin(call.url):
        kept = {name: value for name, value in following.headers.items() if name in _SENT_ANYWHERE}
        following = replace(following, headers=kept)
    return following


def _origin(url: httpx2.URL) -> tuple[str, str, int]:
    return url.scheme, url.host, url.port or (443 if url.scheme == "https" else 80)
