"""JSON answers: orjson, and exact where an integer is longer than 64 bits."""

import json
from collections.abc import Mapping
from typing import Any

import orjson
from werkzeug.wrappers import Response


def dumps(value: Any) -> bytes:
    """Compact UTF-8 JSON of values that came out of storage or were checked on the way in."""
    try:
        return orjson.dumps(value)
    except orjson.JSONEncodeError:
        return json.dumps(value, ensure_ascii=False, separators=(",", ":"), allow_nan=False).encode()


def answer(value: Any, status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    """A JSON answer."""
    return Response(dumps(value), status, headers, content_type="application/json")
