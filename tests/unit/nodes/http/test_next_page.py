"""Where the next page is."""

import time
from typing import Any

import httpx2
import pytest

from shared.domain.errors import NodeError
from shared.domain.field_paths import MISSING
from shared.net.calls import Call, parse_url
from shared.nodes.http.next_page import at_path, cursor_of, link_header, linked, numbered
from shared.nodes.http.paging import Paginate

BODY = {"data": {"items": [1, 2], "a.b": 3, "deep.er": {"x": 4}}, "@odata.nextLink": "/n", "list": [{"n": 5}]}


@pytest.mark.parametrize(
    ("path", "value"),
    [("", BODY), ("data.items", [1, 2]), ('data["a.b"]', 3), ('data["deep.er"].x', 4),
     ("@odata.nextLink", "/n"), ("list[0].n", 5), ("list[-1].n", 5), ("list[1].n", MISSING), ("data.a.b", MISSING), ("list.x", MISSING), ("data.items.x.y", MISSING), ("nothing", MISSING)],
)  # fmt: skip
def test_a_path_leads_into_the_body(path: str, value: Any) -> None:
    assert at_path(BODY, path) == value


@pytest.mark.parametrize(
    ("header", "url"),
    [
        ('<https://a.test/?page=2>; rel="next"', "https://a.test/?page=2"),
        ('<https://a.test/?page=1>; rel="prev", </?page=3>; rel="next"', "/?page=3"),
        ('</2>; title="a, b; c"; rel=next', "/2"),
        ('</2>; rel="last next"', "/2"),
        ('</?a=1,2;3>; REL="NEXT"', "/?a=1,2;3"),
        ('</2>; rel="nextish"', None),
        ('</2>; rel="prev"; title="next"', None),
        ("nonsense", None),
        ("<" * 60_000, None),
        ("</2>" + "; a" * 20_000, None),
    ],
)
def test_the_link_header_names_it(header: str, url: str | None) -> None:
    assert link_header(httpx2.Headers({"link": header})) == url


def test_several_link_headers_are_one() -> None:
    assert link_header(httpx2.Headers([("link", "</1>; rel=prev"), ("link", "</3>; rel=next")])) == "/3"


def call(url: str = "http://a.test/list?q=x&page=1", content: bytes | None = None) -> Call:
    return Call("GET", parse_url(url), {}, content)


@pytest.mark.parametrize("url", [None, "", False, MISSING])
def test_no_url_is_the_end(url: Any) -> None:
    assert linked(call(), call().url, url) is None


def test_a_url_may_be_relative_and_loses_its_user() -> None:
    found = linked(call(), parse_url("http://a.test/x/y"), "z?p=2")
    assert found is not None
    assert str(found.url) == "http://a.test/x/z?p=2"
    assert str(linked(call(), call().url, "http://u:p@a.test/2").url) == "http://a.test/2"  # type: ignore[union-attr]


@pytest.mark.parametrize(
    "url", ["http://b.test/", "https://a.test/", "http://a.test:81/", "file:///etc/passwd", "http://[::1", 5, {"a": 1}]
)
def test_another_origin_and_what_is_no_url_are_refused(url: Any) -> None:
    with pytest.raises(NodeError) as caught:
        linked(call(), call().url, url)
    assert caught.value.code == "PAGINATION_FAILED"


@pytest.mark.parametrize(
    ("value", "cursor"), [("abc", "abc"), (17, 17), (0, None), (None, None), ("", None), (False, None)]
)
def test_a_cursor_is_text_or_a_number(value: Any, cursor: Any) -> None:
    assert cursor_of({"next": value}, "next") == cursor


@pytest.mark.parametrize("value", [{"a": 1}, [1], 1.5, "x" * 5_000])
def test_what_is_no_cursor(value: Any) -> None:
    with pytest.raises(NodeError, match="no cursor"):
        cursor_of({"next": value}, "next")


def test_the_number_goes_into_the_query_or_the_body() -> None:
    query = Paginate.model_validate({"mode": "page"})
    body = Paginate.model_validate({"mode": "cursor", "next": "next", "parameter": "start_cursor", "place": "body"})
    assert str(numbered(call(), query, 2).url) == "http://a.test/list?q=x&page=2"
    assert numbered(call(content=b'{"a":1}'), body, "c").content == b'{"a":1,"start_cursor":"c"}'
    assert numbered(call(), body, "c").content == b'{"start_cursor":"c"}'
    with pytest.raises(NodeError, match="JSON object"):
        numbered(call(content=b"[1]"), body, "c")


def test_a_relation_that_was_made_to_take_long_takes_no_time() -> None:
    began = time.process_time()
    for header in ('</2>; rel="' + "next " * 13_000, "</2>" + "; rel=" * 10_000, "</2>" + ";" + " " * 60_000):
        assert link_header(httpx2.Headers([("link", header)])) is None
    assert time.process_time() - began < 0.5
