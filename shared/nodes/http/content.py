"""What a request carries: JSON, a form, text, a form with files, or one file."""

from typing import Any, Literal
from urllib.parse import urlencode

from shared.domain.errors import InvalidValue, NodeError
from shared.domain.values import to_json
from shared.net.bodies import MOST_BYTES
from shared.nodes.files import is_file, read_file
from shared.nodes.http.multipart import multipart, parts
from shared.nodes.http.scalars import items, scalar, scalars

BodyType = Literal["json", "form", "text", "multipart", "file"]
_MOST_JSON_BYTES = 16_000_000
_FORMS = ("form", "multipart")
FORM = b"application/x-www-form-urlencoded"


def check_body(body: Any, kind: BodyType | None) -> None:
    """Raises ValueError if this body cannot be sent in this way."""
    if kind in _FORMS and body is not None and not isinstance(body, dict):
        raise ValueError("a form's `body` must be an object of fields")
    if kind == "form":
        for value in (body or {}).values():
            scalars(value)
    elif kind == "multipart":
        parts(body or {})
    elif kind == "file":
        read_file(body)
    elif kind == "text" and isinstance(body, dict | list):
        raise ValueError('`body` must be text; an object or a list is sent with `bodyType` "json"')


def content(body: Any, kind: BodyType | None) -> tuple[bytes | None, bytes | None]:
    """The bytes and their content type, both None if there is nothing to send. Raises NodeError INVALID_PARAMS."""
    if body is None and kind != "json":
        return None, None
    if kind == "form":
        fields = [(name, item) for name, value in body.items() for item in items(scalars(value))]
        return urlencode(fields).encode(), FORM
    if kind == "multipart":
        return _bounded(*multipart(parts(body)))
    if kind == "file":
        file = read_file(body)
        return _bounded(file.content, file.content_type.encode())
    if kind == "text" or (kind is None and isinstance(body, str)):
        return (scalar(body) or "").encode(), b"text/plain; charset=utf-8"
    try:
        return to_json(body, max_bytes=_MOST_JSON_BYTES), b"application/json"
    except InvalidValue as error:
        raise NodeError("INVALID_PARAMS", f"body: {error}") from None


def _bounded(body: bytes, kind: bytes) -> tuple[bytes, bytes]:
    if len(body) > MOST_BYTES:
        raise NodeError(
            "INVALID_PARAMS", f"body: it has {len(body):,} bytes, and no more than {MOST_BYTES:,} are sent."
        )
    return body, kind


def file_bytes(body: Any, kind: BodyType | None) -> int:
    """About how many bytes the files of this body need while they are sent."""
    if kind not in ("file", "multipart") or not isinstance(body, dict):
        return 0
    values = [body] if kind == "file" else [item for value in body.values() for item in _several(value)]
    return sum(len(value["base64"]) for value in values if is_file(value))


def _several(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]
