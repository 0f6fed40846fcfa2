"""JSON, CSV, HTML, hashes: what is well formed, what is not, and what is made to hurt."""

import asyncio
import base64
import hashlib
import hmac
import time
from typing import Any

import pytest
from pydantic import SecretStr

from shared.credentials.base import Credential, Fields
from shared.nodes.catalogue import node_types
from shared.nodes.data.html_cost import is_costly
from shared.nodes.testing import RecordingContext, run_node
from tests import aio
from tests.unit.nodes.test_data_nodes import error, refused, run


@pytest.mark.parametrize(
    ("text", "part"),
    [
        ("", "empty"),
        ("<html>", "begins with"),
        ('{"a": 1,}', "line 1"),
        ("[1, NaN]", "JSON"),
        ("[" * 100_000, "JSON"),
        ('{"a": 1} x', "JSON"),
    ],
)
def test_json_that_is_none(text: str, part: str) -> None:
    found = error("parse.json", text=text)
    assert found.code == "INVALID_JSON"
    assert part in found.message


def test_json_is_exact() -> None:
    assert run("parse.json", text='\ufeff{"n": 123456789012345678901234567890}') == {
        "n": 123456789012345678901234567890
    }
    assert run("parse.json", text="1\r\n\r\n[2]\n", lines=True) == [1, [2]]
    assert "Line 2" in error("parse.json", text="1\nx", lines=True).message


@pytest.mark.parametrize(
    ("text", "params", "rows"),
    [
        ("", {}, []),
        ("a,b\n", {}, []),
        ("\ufeffa\tb\n1\t2", {}, [{"a": "1", "b": "2"}]),
        ("a|b\r\n1|\r\n\r\n2", {}, [{"a": "1", "b": ""}, {"a": "2", "b": None}]),
        ('a,b\n"x\ny","q""q"', {}, [{"a": "x\ny", "b": 'q"q'}]),
        ("'a;b';c", {"quote": "'", "delimiter": ";", "header": False}, [["a;b", "c"]]),
        ('a"b,c', {"quote": None, "header": False}, [['a"b', "c"]]),
        ("1,2\n3,4", {"header": ["x", "y"], "maxRows": 1}, [{"x": "1", "y": "2"}]),
        (
            "007,-1.50, 3 ,true,,null,1e5,99999999999999999999",
            {"header": False, "types": "auto", "trim": True},
            [["007", -1.5, 3, True, None, None, "1e5", "99999999999999999999"]],
        ),
    ],
)
def test_csv(text: str, params: dict[str, Any], rows: list[Any]) -> None:
    assert run("parse.csv", text=text, **params) == rows


@pytest.mark.parametrize(("text", "part"), [('a\n"open', "Line"), ("a,b\n1,2,3", "Row 1 has 3"), ("a,a\n1,2", "`a`")])
def test_csv_that_is_none(text: str, part: str) -> None:
    found = error("parse.csv", text=text)
    assert found.code == "INVALID_CSV"
    assert part in found.message


def test_csv_cannot_grow_without_end() -> None:
    assert error("parse.csv", text="x" * 1_000_000 + "\n" + "1\n" * 1_000).code == "PAYLOAD_TOO_LARGE"
    assert error("parse.csv", text="," * 20_000, header=False).code == "PAYLOAD_TOO_LARGE"
    assert refused("parse.csv", text="", delimiter="ab")


def test_csv_is_written_so_that_it_is_read_again() -> None:
    items = [{"a": 'x"y', "b": "1,2"}, {"b": "\n", "c": "=1+1"}]
    text = run("format.csv", items=items)
    assert run("parse.csv", text=text) == [{"a": 'x"y', "b": "1,2", "c": ""}, {"a": "", "b": "\n", "c": "=1+1"}]
    assert run("format.csv", items=[{"c": "=1"}], header=False, escapeFormulas=True) == "'=1\r\n"
    assert error("format.csv", items=[{"a": {}}]).code == "NOT_A_SCALAR"
    assert error("format.csv", items=[5]).code == "NOT_A_ROW"
    assert run("format.csv", items=[]) == ""


def test_html() -> None:
    page = "<ul><li class=a>One <b>two</b>\n three<li>Four</ul><a href=/x disabled>l</a>"
    fields = {
        "all": {"selector": "li", "many": True},
        "none": {"selector": "h1"},
        "nothing": {"selector": "h1", "many": True},
        "href": {"selector": "a", "take": "attribute", "attribute": "href"},
        "disabled": {"selector": "a", "take": "attribute", "attribute": "disabled"},
        "missing": {"selector": "a", "take": "attribute", "attribute": "rel"},
        "html": {"selector": "b", "take": "html"},
    }
    assert run("parse.html", html=page, fields=fields) == {
        "all": ["One two three", "Four"],
        "none": None,
        "nothing": [],
        "href": "/x",
        "disabled": "",
        "missing": None,
        "html": "<b>two</b>",
    }
    assert run("parse.html", html=page, each="li", fields={"text": {}}) == [{"text": "One two three"}, {"text": "Four"}]
    assert run("parse.html", html="", each="li", fields={"text": {}}) == []
    assert run("parse.html", html="<p>x\x00y", fields={"p": {"selector": "p"}}) == {"p": "xy"}


def test_html_selectors_that_are_none() -> None:
    for selector in ("a[", "!!", "::x"):
        assert error("parse.html", html="<a>", fields={"x": {"selector": selector}}).code == "INVALID_SELECTOR"
    assert refused("parse.html", html="", fields={"x": {"take": "attribute"}})
    assert refused("parse.html", html="", fields={})


@pytest.mark.parametrize(
    "html", ["<div>" * 900_000, "".join(f"<b id={n}><p>" for n in range(50_000)), "<font><p>x</p>" * 100_000]
)
def test_html_that_is_made_to_hurt(html: str) -> None:
    begun = time.monotonic()
    assert error("parse.html", html=html, fields={"x": {"selector": "b"}}).code == "HTML_TOO_COMPLEX"
    assert time.monotonic() - begun < 10


def test_usual_pages_are_not_costly() -> None:
    assert not is_costly("<p>a<li>b<td>c<br>" * 50_000)
    assert not is_costly("<div><a><b>x</b></a></div>" * 50_000)
    nested = "<div>" * 1_000 + "<i>x</i>" * 1_000 + "</div>" * 1_000
    assert not is_costly(nested)


def test_html_that_nests_gives_no_endless_output() -> None:
    html = "<div>" * 1_000 + "x" * 100_000
    fields = {"x": {"selector": "div", "many": True}}
    assert error("parse.html", html=html, fields=fields).code == "PAYLOAD_TOO_LARGE"


class KeyFields(Fields):
    secret: SecretStr


def test_a_signature_with_a_key_from_a_credential() -> None:
    id = "cred-00000000000000000000000001"
    key = Credential(id, "hmac", KeyFields(secret=SecretStr("k" * 20)))
    ctx = RecordingContext(credentials={id: key})
    params = {"text": "ä", "action": "hmac", "credential": id, "encoding": "base64", "algorithm": "sha512"}
    expected = base64.b64encode(hmac.digest(b"k" * 20, "ä".encode(), "sha512")).decode()
    assert run_node(node_types()["hash"], params, ctx).output == expected
    assert error("hash", **params).code == "CREDENTIAL_NOT_FOUND"
    assert "signing key" in refused("hash", text="x", action="hmac")


def test_digests_and_encodings() -> None:
    for algorithm in ("sha256", "sha512", "sha1", "md5"):
        assert run("hash", text="x" * 50_000, algorithm=algorithm) == hashlib.new(algorithm, b"x" * 50_000).hexdigest()
    for encoding in ("hex", "base64", "base64url"):
        text = run("hash", text="grüße???", action="encode", encoding=encoding)
        assert run("hash", text=text, action="decode", encoding=encoding) == "grüße???"
    for text, encoding in (("zz", "hex"), ("a", "base64"), ("!!!!", "base64"), ("ff", "hex"), ("/w==", "base64")):
        assert error("hash", text=text, action="decode", encoding=encoding).code == "INVALID_ENCODING"


def test_a_large_text_leaves_the_loop_to_others() -> None:
    node = node_types()["parse.csv"]
    params = node.parse({"text": "a,b\n" + "1,2\n" * 300_000})

    async def longest_pause() -> float:
        task = asyncio.create_task(node.run(RecordingContext(), params))
        longest = 0.0
        while not task.done():
            begun = time.monotonic()
            await asyncio.sleep(0.001)
            longest = max(longest, time.monotonic() - begun)
        assert len((await task).output) == 300_000
        return longest

    assert aio.run(longest_pause()) < 1
