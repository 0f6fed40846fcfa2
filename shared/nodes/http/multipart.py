"""Forms with files (RFC 7578)."""

import secrets
from collections.abc import Iterator
from typing import Any

from shared.nodes.files import FileValue, is_file, read_file
from shared.nodes.http.scalars import scalar

Part = tuple[str, str | FileValue]


def parts(fields: dict[str, Any]) -> list[Part]:
    """Name and value of every part; lists repeat, null is left out. Raises ValueError."""
    return list(_parts(fields))


def _parts(fields: dict[str, Any]) -> Iterator[Part]:
    for name, value in fields.items():
        for item in value if isinstance(value, list) else [value]:
            if is_file(item):
                yield name, read_file(item)
            elif (text := scalar(item)) is not None:
                yield name, text


def multipart(found: list[Part], boundary: str | None = None) -> tuple[bytes, bytes]:
    """The body and its content type; `boundary` is random unless given."""
    line = f"--{boundary or (boundary := secrets.token_hex(16))}".encode()
    pieces: list[bytes] = []
    for name, value in found:
        pieces += [line, _head(name, value), b"", value.encode() if isinstance(value, str) else value.content]
    pieces += [line + b"--", b""]
    return b"\r\n".join(pieces), f"multipart/form-data; boundary={boundary}".encode()


def _head(name: str, value: str | FileValue) -> bytes:
    head = f'Content-Disposition: form-data; name="{_quoted(name)}"'
    if isinstance(value, FileValue):
        head += f'; filename="{_quoted(value.name or "file")}"\r\nContent-Type: {value.content_type}'
    return head.encode()


def _quoted(text: str) -> str:
    """As browsers write it (WHATWG, multipart/form-data)."""
    return text.replace('"', "%22").replace("\r", "%0D").replace("\n", "%0A")
