"""`webhook.respond`: what its parameters become on the wire."""

from base64 import b64encode
from typing import Any

import pytest

from shared.nodes.base import NodeError, Respond
from shared.nodes.catalogue import node_types
from shared.nodes.testing import RecordingContext
from shared.nodes.webhook_respond import MAX_BYTES
from tests import aio

PNG = {"base64": b64encode(b"\x89").decode(), "contentType": "image/png", "bytes": 1}


def run(**params: Any) -> Respond:
    node = node_types()["webhook.respond"]
    result = aio.run(node.run(RecordingContext(), node.parse(params)))
    assert isinstance(result, Respond)
    return result


def code_of(**params: Any) -> str:
    with pytest.raises(NodeError) as caught:
        run(**params)
    return caught.value.code


@pytest.mark.parametrize(
    ("params", "expected"),
    [
        ({}, Respond(200, {}, b"")),
        ({"status": 204, "headers": {"X-A": "b"}}, Respond(204, {"X-A": "b"}, b"")),
        ({"body": {"a": [1, None]}}, Respond(200, {"Content-Type": "application/json"}, b'{"a":[1,null]}')),
        ({"body": False}, Respond(200, {"Content-Type": "application/json"}, b"false")),
        ({"body": "ü"}, Respond(200, {"Content-Type": "text/plain; charset=utf-8"}, "ü".encode())),
        (
            {"body": "<p>", "headers": {"content-type": "text/html"}},
            Respond(200, {"Content-Type": "text/html"}, b"<p>"),
        ),
        ({"body": PNG}, Respond(200, {"Content-Type": "image/png"}, b"\x89")),
        (
            {"body": {"base64": "", "more": 1}},
            Respond(200, {"Content-Type": "application/json"}, b'{"base64":"","more":1}'),
        ),
    ],
)
def test_what_is_sent(params: dict[str, Any], expected: Respond) -> None:
    assert run(**params) == expected


@pytest.mark.parametrize(
    ("params", "code"),
    [
        ({"status": 101}, "INVALID_PARAMS"),
        ({"headers": {"Set-Cookie": "a=b"}}, "INVALID_PARAMS"),
        ({"headers": {"X-A": "a\r\nSet-Cookie: b"}}, "INVALID_PARAMS"),
        ({"headers": {"X-A": "1", "x-a": "2"}}, "INVALID_PARAMS"),
        ({"headers": {"Content-Type": "text/javascript"}}, "INVALID_PARAMS"),
        ({"body": PNG | {"contentType": "text/javascript"}}, "INVALID_BODY"),
        ({"body": PNG | {"contentType": "image/png\r\nSet-Cookie: a"}}, "INVALID_BODY"),
        ({"body": PNG | {"base64": "?"}}, "INVALID_BODY"),
        ({"status": 304, "body": 1}, "INVALID_BODY"),
        ({"body": "x" * (MAX_BYTES + 1)}, "RESPONSE_TOO_LARGE"),
        ({"body": ["x" * (MAX_BYTES + 1)]}, "RESPONSE_TOO_LARGE"),
        ({"body": ["x" * (2 * MAX_BYTES + 1)]}, "RESPONSE_TOO_LARGE"),
    ],
)
def test_what_is_refused(params: dict[str, Any], code: str) -> None:
    assert code_of(**params) == code
