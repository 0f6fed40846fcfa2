"""One request to another system as a value, and where a redirect leads it. Pure."""

import base64
import re
from dataclasses import dataclass, field, replace
from urllib.parse import unquote_plus, unquote_to_bytes, urlencode

import httpx2

from shared.domain.errors import NodeError
from shared.domain.masking import forms
from shared.net.tls import Tls

INVALID_URL = "INVALID_URL"
CREDENTIAL_IN_REDIRECT = "CREDENTIAL_IN_REDIRECT"
CALL_CODES = {
    INVALID_URL: "The URL, or one that a redirect names, is not a valid http:// or https:// address.",
    CREDENTIAL_IN_REDIRECT: "A redirect to another host repeats the credential in its URL; it was not followed.",
}
MAX_URL = 8_192
_HOST = re.compile(rb"[A-Za-z0-9._-]{1,253}|[0-9A-Fa-f:.]{2,45}")
_REDIRECTS = frozenset({301, 302, 303, 307, 308})
# What describes the message may go to another origin; all else may be a secret.
SENT_ANYWHERE = frozenset({"accept", "accept-language", "accept-encoding", "content-type", "user-agent"})
_OF_BODY = frozenset({"content-type"})


@dataclass(frozen=True, slots=True)
class Call:
    """A request that is ready to be sent; header names in lower case."""

    method: str
    url: httpx2.URL = field(repr=False)
    headers: dict[str, bytes] = field(repr=False)
    content: bytes | None = field(default=None, repr=False)
    secrets: tuple[str, ...] = field(default=(), repr=False)
    """What of it must not be told again, whatever the server answers."""
    tls: Tls | None = None

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
        # What follows the reason is a part of the URL, perhaps of a password with a slash in it.
        reason = re.split("[:,]", str(error))[0] if isinstance(error, httpx2.InvalidURL) else "it cannot be read"
        raise NodeError(INVALID_URL, f"The URL is not valid: {reason[:200]}.") from None
    if url.scheme not in ("http", "https") or not _HOST.fullmatch(url.raw_host):
        raise NodeError(INVALID_URL, "The URL must begin with http:// or https:// and name a host.")
    if url.port is not None and not 0 < url.port < 65_536:
        raise NodeError(INVALID_URL, "The port of the URL must be from 1 to 65535.")
    # Browsers take a backslash for a slash: what they would ask is another host than the one behind the "@".
    if b"%5C" in url.userinfo.upper():
        raise NodeError(INVALID_URL, "The user in the URL must not contain a backslash.")
    return url.copy_with(fragment=None) if url.fragment else url


def without_user(call: Call) -> Call:
    """The same request with the user and password of its URL as a header, so that no redirect repeats them."""
    user = call.url.userinfo
    if not user:
        return call
    name, _, word = user.partition(b":")
    pair = unquote_to_bytes(name) + b":" + unquote_to_bytes(word)
    headers = {"authorization": b"Basic " + base64.b64encode(pair)} | call.headers
    url = call.url.copy_with(username="", password="")
    return replace(
        call, url=url, headers=headers, secrets=(*call.secrets, unquote_to_bytes(word).decode(errors="replace"))
    )


def redirected(call: Call, status: int, location: str | None) -> Call | None:
    """What to send next, or None if this answer is no redirect. Raises NodeError INVALID_URL, CREDENTIAL_IN_REDIRECT.

    303, and 301 or 302 after POST, become GET without a body. Another origin gets no headers that could be secret and
    no certificate of ours; one whose URL repeats a secret is not asked.
    """
    if status not in _REDIRECTS or not location:
        return None
    try:
        url = parse_url(str(call.url.join(location))).copy_with(username=None, password=None)
    except (httpx2.InvalidURL, ValueError):
        raise NodeError(INVALID_URL, f"{call.host} redirects to a URL that is not valid.") from None
    following = replace(call, url=url)
    if (status == 303 and call.method != "HEAD") or (status in (301, 302) and call.method == "POST"):
        kept = {name: value for name, value in call.headers.items() if name not in _OF_BODY}
        following = replace(following, method="GET", content=None, headers=kept)
    return following if same_origin(url, call.url) else _elsewhere(following, call.host)


def _elsewhere(call: Call, before: str) -> Call:
    if any(_holds(str(call.url), secret) for secret in call.secrets):
        raise NodeError(
            CREDENTIAL_IN_REDIRECT,
            f"{before} redirects to {call.host} with the credential in the URL: it was not sent there. "
            "Use the address that it leads to.",
        )
    kept = {name: value for name, value in call.headers.items() if name in SENT_ANYWHERE}
    return replace(call, headers=kept, tls=call.tls and call.tls.for_another_origin())


def _holds(url: str, secret: str) -> bool:
    return any(form in url for form in forms(secret))


def replaced_query(url: httpx2.URL, name: str, value: str) -> bytes:
    """The URL's query with one parameter in place of those of its name; the others stay as they were written."""
    others = [part for part in url.query.decode().split("&") if part and unquote_plus(part.partition("=")[0]) != name]
    return "&".join([*others, urlencode([(name, value)])]).encode()


def same_origin(one: httpx2.URL, other: httpx2.URL) -> bool:
    """Whether scheme, host and port are the same."""
    return _origin(one) == _origin(other)


def _origin(url: httpx2.URL) -> tuple[str, str, int]:
    return url.scheme, url.host, url.port or (443 if url.scheme == "https" else 80)
