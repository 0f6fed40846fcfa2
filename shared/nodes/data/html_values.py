"""Values out of a page. Importing this loads the parser."""

from collections.abc import Mapping
from typing import Any

from selectolax.lexbor import LexborHTMLParser, LexborNode, SelectolaxError

from shared.domain.errors import NodeError
from shared.nodes.data.html_cost import is_costly
from shared.nodes.data.limits import Output
from shared.nodes.data.picks import Pick


def values_of(html: str, each: str | None, fields: Mapping[str, Pick]) -> Any:
    """One object, or with `each` a list of them. Raises NodeError INVALID_SELECTOR, HTML_TOO_COMPLEX, PAYLOAD_TOO_LARGE."""
    if is_costly(html):
        raise NodeError("HTML_TOO_COMPLEX", "The page nests its elements too deep, or leaves too many of them open.")
    root = LexborHTMLParser(html.encode("utf-8", "replace").replace(b"\0", b"")).root
    room = Output()
    if root is None:
        return {name: [] if pick.many else None for name, pick in fields.items()} if each is None else []
    if each is None:
        return _object(root, fields, room)
    return [_object(part, fields, room) for part in _select(root, each)]


def _object(part: LexborNode, fields: Mapping[str, Pick], room: Output) -> dict[str, Any]:
    room.add(sum(map(len, fields)))
    return {name: _value(part, pick, room) for name, pick in fields.items()}


def _value(part: LexborNode, pick: Pick, room: Output) -> Any:
    found = _select(part, pick.selector) if pick.selector else [part]
    if not pick.many:
        return _taken(found[0], pick, room) if found else None
    return [_taken(element, pick, room) for element in found]


def _select(part: LexborNode, selector: str) -> list[LexborNode]:
    try:
        return [found for found in part.css(selector) if found.mem_id != part.mem_id]
    except SelectolaxError:
        raise NodeError("INVALID_SELECTOR", f"`{selector[:100]}` is no CSS selector.") from None


def _taken(element: LexborNode, pick: Pick, room: Output) -> str | None:
    value = _raw(element, pick)
    room.add(len(value or ""), 0)
    return value


def _raw(element: LexborNode, pick: Pick) -> str | None:
    if pick.take == "text":
        return " ".join(element.text().split())
    if pick.take == "html":
        return element.html or ""
    found = element.attributes
    name = pick.attribute or ""
    return (found[name] or "") if name in found else None
