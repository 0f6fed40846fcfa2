"""Where the next page is, from an answer and its body. Pure."""

import re
from dataclasses import replace
from typing import Any

import httpx2

from shared.domain.errors import InvalidValue, NodeError
from shared.domain.field_paths import MISSING, get_at, parse_path
from shared.domain.values import from_json, to_json
from shared.net.calls import Call, parse_url, replaced_query, same_origin
from shared.nodes.http.paging import Paginate

PAGINATION_FAILED = "PAGINATION_FAILED"
_MOST_BODY_BYTES = 16_000_000
_LONGEST_CURSOR = 4_096
_LINK = re.compile(r"<([^<>]*)>((?:\s*;\s*[^\s;,=]+(?:\s*=\s*(?:\"[^\"]*\"|[^\s;,\"]+))?)*)")
_REL = re.compile(r";\s*rel\s*=\s*(?:\"([^\"]*)\"|([^\s;,\"]+))", re.IGNORECASE)


def at_path(body: Any, path: str) -> Any:
    """The value at a path (see `shared.domain.field_paths`), or of the key that is spelled like the whole of it.

    MISSING if it is not there.
    """
    if path and isinstance(body, dict) and path in body:
        return body[path]
    return get_at(body, parse_path(path))


def numbered(call: Call, paginate: Paginate, value: str | int) -> Call:
    """The request for the page with this number or cursor. Raises NodeError INVALID_PARAMS."""
    if paginate.place == "body":
        return _in_body(call, paginate.name, value)
    return replace(call, url=call.url.copy_with(query=replaced_query(call.url, paginate.name, str(value))))


def _in_body(call: Call, name: str, value: str | int) -> Call:
    try:
        body = from_json(call.content or b"{}")
    except InvalidValue:
        body = None
    if not isinstance(body, dict):
        raise NodeError("INVALID_PARAMS", "body: to send the page in it, it must be a JSON object.")
    headers = {"content-type": b"application/json"} | call.headers
    return replace(call, content=to_json(body | {name: value}, max_bytes=_MOST_BODY_BYTES), headers=headers)


def linked(call: Call, answered: httpx2.URL, url: Any) -> Call | None:
    """The request for a page that the server names; None if it names none.

    Raises NodeError PAGINATION_FAILED for another origin: the credential and the headers are not for it.
    """
    if url in (None, "", False, MISSING):
        return None
    try:
        following = parse_url(str(answered.join(url))) if isinstance(url, str) else None
    except (NodeError, httpx2.InvalidURL, ValueError):
        following = None
    if following is None:
        raise NodeError(PAGINATION_FAILED, f"The next page of {call.host} is no valid URL: check `paginate.next`.")
    if not same_origin(following, call.url):
        raise NodeError(
            PAGINATION_FAILED,
            f"The next page of {call.host} is on another origin ({following.scheme}://{following.host}): it is not asked "
            "for. Use the address that the server itself uses.",
        )
    return replace(call, url=following.copy_with(username=None, password=None))


def link_header(headers: httpx2.Headers) -> str | None:
    """The URL of the relation `next` in the Link headers (RFC 8288)."""
    for target, parameters in _LINK.findall(", ".join(headers.get_list("link"))[:65_536]):
        if any("next" in (quoted or bare).lower().split() for quoted, bare in _REL.findall(parameters)):
            return str(target)
    return None


def cursor_of(body: Any, path: str) -> str | int | None:
    """The next cursor; None at the end, which some servers write as 0. Raises NodeError PAGINATION_FAILED if it is neither text nor a number."""
    value = at_path(body, path)
    if value in (None, "", False, MISSING):
        return None
    if isinstance(value, str | int) and len(str(value)) <= _LONGEST_CURSOR:
        return value
    raise NodeError(
        PAGINATION_FAILED, f"What is at `{path}` is no cursor: it must be text or a number. Check the path."
    )
