"""Response bodies: read no further than a limit, unpacked with a limit, turned into a JSON value."""

import asyncio
import base64
import re
import zlib
from typing import Any

import httpx2

from shared.domain.errors import InvalidValue, NodeError
from shared.domain.values import from_json

RESPONSE_TOO_LARGE = "RESPONSE_TOO_LARGE"
INVALID_RESPONSE = "INVALID_RESPONSE"
MOST_BYTES = 50_000_000
"""No limit is larger."""
_PACKED = frozenset({"gzip", "x-gzip", "deflate"})
_SLACK = 65_536
_PIECES_IN_A_ROW = 32
# Others than these (punycode, unicode_escape, …) are slow or do not decode text.
_CHARSETS = re.compile(
    r"utf-?(8|16|32)([lb]e|-[lb]e)?|us-ascii|ascii|iso-8859-\d{1,2}|latin-?1|(windows-|cp)125\d"
    r"|shift_jis|euc-(jp|kr)|gb(k|2312|18030)|big5|koi8-[ru]"
)
MEDIA_TYPE = re.compile(r"[\w!#$&^.+-]{1,99}/[\w!#$&^.+-]{1,99}( *;[\x20-\x7e]*)?", re.ASCII)
_TEXT_TYPES = re.compile(r"text/.*|.*[/+](json|xml|javascript|yaml|x-www-form-urlencoded|x-ndjson|graphql)")


async def read_body(response: httpx2.Response, max_bytes: int, *, cut: bool = False) -> bytes:
    """The unpacked body, at most `max_bytes`; with `cut` the beginning of a longer one.

    Stops reading at the limit. Raises NodeError RESPONSE_TOO_LARGE, INVALID_RESPONSE; httpx2's errors pass.
    """
    encoding = response.headers.get("content-encoding", "").strip().lower()
    unpack = _Unpacker(encoding) if encoding not in ("", "identity") else None
    declared = response.headers.get("content-length", "")
    bodiless = response.request.method == "HEAD" or response.status_code in (204, 304)
    if declared.isdecimal() and int(declared[:19]) > max_bytes and not bodiless and not cut:
        raise _too_large(max_bytes)
    body, received, pieces = bytearray(), 0, 0
    async for chunk in response.aiter_raw():
        received += len(chunk)
        pieces += 1
        # A read of the network may have ten thousand pieces of one byte; the others on the loop want their turn.
        if not pieces % _PIECES_IN_A_ROW:
            await asyncio.sleep(0)
        body += chunk if unpack is None else unpack(chunk, max_bytes + 1 - len(body))
        if len(body) > max_bytes or received > max_bytes + _SLACK:
            if cut:
                return bytes(body[:max_bytes])
            raise _too_large(max_bytes)
    if unpack is not None and received and not unpack.complete:
        raise NodeError(INVALID_RESPONSE, "The compressed response ends too early.", retryable=True)
    return bytes(body)


def body_value(body: bytes, content_type: str) -> Any:
    """The body as a JSON value.

    Null if it is empty, parsed JSON if it is declared so and is, text if it is text, and for anything else an object
    `{"base64": …, "contentType": …, "bytes": n}`.
    """
    if not body:
        return None
    kind, _, options = content_type.lower().partition(";")
    kind = kind.strip()
    if kind == "application/json" or kind.endswith("+json"):
        try:
            return from_json(body.removeprefix(b"\xef\xbb\xbf"))
        except InvalidValue:
            pass
    text = _text(body, kind, options)
    if text is not None and "\x00" not in text:
        return text
    return file_value(body, kind)


def file_value(content: bytes, content_type: str, name: str | None = None) -> dict[str, Any]:
    """A file as a JSON value; `shared/nodes/files.py` reads it."""
    kind = content_type if MEDIA_TYPE.fullmatch(content_type) else ""
    value = {"base64": base64.b64encode(content).decode(), "contentType": kind, "bytes": len(content)}
    return value if name is None else value | {"name": name}


def body_text(body: bytes, content_type: str) -> str:
    """The body as text in its charset, UTF-8 unless it names another; what cannot be read or stored is replaced."""
    try:
        text = body.decode(_charset(content_type.lower()) or "utf-8", errors="replace")
    except LookupError:
        text = body.decode(errors="replace")
    return text.replace("\x00", "\ufffd")


def _charset(options: str) -> str | None:
    found = re.search(r"charset\s*=\s*[\"']?([a-z0-9_-]+)", options)
    return found.group(1) if found and _CHARSETS.fullmatch(found.group(1)) else None


def _text(body: bytes, kind: str, options: str) -> str | None:
    charset = _charset(options)
    is_text = _TEXT_TYPES.fullmatch(kind) is not None
    if not is_text and kind and kind != "application/octet-stream" and "charset" not in options:
        return None
    try:
        return body.decode(charset or "utf-8", errors="replace" if is_text else "strict")
    except (UnicodeDecodeError, LookupError):
        return None


class _Unpacker:
    """Unpacks gzip or deflate piece by piece, never making more than is asked for."""

    def __init__(self, encoding: str) -> None:
        if encoding not in _PACKED:
            raise NodeError(
                INVALID_RESPONSE,
                f"The response is packed as {encoding[:40]}, which cannot be read: leave the Accept-Encoding header out.",
            )
        self._gzip = encoding != "deflate"
        self._stream = zlib.decompressobj(31 if self._gzip else 15)
        self._fresh = True
        self.complete = False

    def __call__(self, chunk: bytes, room: int) -> bytes:
        """At most `room` bytes more. Raises NodeError INVALID_RESPONSE."""
        out = bytearray()
        while chunk and len(out) < room:
            if self._stream.eof:
                if not self._gzip:
                    break
                self._stream = zlib.decompressobj(31)
            out += self._some(chunk, room - len(out))
            chunk = self._stream.unconsumed_tail or self._stream.unused_data
            self.complete = self._stream.eof
        return bytes(out)

    def _some(self, chunk: bytes, room: int) -> bytes:
        try:
            out = self._stream.decompress(chunk, room)
        except zlib.error:
            if self._gzip or not self._fresh:
                raise NodeError(INVALID_RESPONSE, "The compressed response is damaged.", retryable=True) from None
            # Some servers send deflate without its wrapping.
            self._fresh, self._stream = False, zlib.decompressobj(-15)
            return self._some(chunk, room)
        self._fresh = False
        return out


def _too_large(max_bytes: int) -> NodeError:
    more = "or raise `maxBytes`" if max_bytes < MOST_BYTES else "no more than that is taken"
    return NodeError(RESPONSE_TOO_LARGE, f"The response is larger than {max_bytes:,} bytes: ask for less, {more}.")
