"""What can be wrong with the parameters of an http.request, said before it runs."""

from typing import Any

import pytest

from shared.nodes.base import NodeError
from shared.nodes.catalogue import node_types

NODE = node_types()["http.request"]


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ({"bodyType": "file", "body": "text"}, "a file is"),
        ({"bodyType": "file", "body": {"base64": "?"}}, "not valid base64"),
        ({"bodyType": "multipart", "body": [1]}, "an object of fields"),
        ({"bodyType": "multipart", "body": {"a": {"b": 1}}}, "must be text, a number"),
        ({"maxRedirects": 11}, "at most 10"),
        ({"retryOnStatus": [99]}, "at least 100"),
        ({"caCertificate": "C:\\ca.pem"}, "in PEM form"),
        ({"caCertificate": "-----BEGIN CERTIFICATE-----\nno\n-----END CERTIFICATE-----"}, "in PEM form"),
        ({"credential": "mine"}, "the id of a credential"),
        ({"responseType": "xml"}, "`auto`, `json`, `text` or `file`"),
        ({"paginate": {"mode": "cursor"}}, "needs `next`"),
        ({"paginate": {"mode": "page", "next": "x"}}, "leave `next` out"),
        ({"paginate": {"mode": "link", "parameter": "x"}}, "leave `parameter`"),
        ({"paginate": {"mode": "link", "start": 1}}, "`start` is for"),
        ({"paginate": {"mode": "link", "items": "data..list"}}, "is no path"),
        ({"paginate": {"mode": "cursor", "next": "x" * 501}}, "at most 500 characters"),
        ({"paginate": {"mode": "page", "maxPages": 1001}}, "at most 1,000"),
        ({"paginate": {"mode": "page", "other": 1}}, "no parameter `other`"),
        ({"paginate": {"mode": "page"}, "responseType": "file"}, "reads JSON"),
        ({"paginate": {"mode": "page"}, "method": "HEAD"}, "another method"),
        ({"paginate": {"mode": "page", "place": "body"}, "bodyType": "form", "body": {}}, "needs a JSON body"),
    ],
)
def test_problems_are_said_in_a_sentence(given: dict[str, Any], says: str) -> None:
    params = {"url": "http://example.com/"} | given
    ((_, message),) = NODE.param_problems(params, frozenset())
    assert says in message
    with pytest.raises(NodeError, match="After evaluation"):
        NODE.parse(params)


def test_a_body_that_is_not_known_yet_is_no_problem() -> None:
    params = {"url": "http://example.com/", "bodyType": "multipart", "body": "{{ input }}"}
    assert NODE.param_problems(params, frozenset({"body"})) == []


def test_a_credential_is_never_chosen_by_an_expression() -> None:
    for name in ("credential", "clientCertificate"):
        params = {"url": "http://example.com/", name: "{{ input.id }}"}
        ((path, message),) = NODE.param_problems(params, frozenset({name}))
        assert path == name
        assert "fixed id" in message


@pytest.mark.parametrize(
    ("given", "more"),
    [
        ({}, 0),
        ({"maxBytes": 20_000_000}, 20_000_000),
        ({"paginate": {"mode": "page"}}, 0),
        ({"paginate": {"mode": "page", "maxTotalBytes": 9_000_000}}, 9_000_000),
        ({"bodyType": "file", "body": {"base64": "QUFB" * 2_000_000}}, 9_000_000),
    ],
)
def test_large_requests_take_turns(given: dict[str, Any], more: int) -> None:
    assert NODE.memory_bytes(NODE.parse({"url": "http://example.com/"} | given)) == more
