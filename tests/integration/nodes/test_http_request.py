"""`http.request` against real servers: what is sent, what comes back, what is counted and logged."""

import asyncio
import base64
import gzip
import zlib
from collections.abc import Coroutine
from typing import Any

import pytest

from shared.nodes.testing import RecordingContext
from tests import aio
from tests.integration.nodes.web import Request, call, client, fetch, raw, refused, respond, web


def run(scenario: Coroutine[Any, Any, None]) -> None:
    aio.run(asyncio.wait_for(scenario, 20))


def test_json_comes_back_parsed_with_status_headers_and_time() -> None:
    async def scenario() -> None:
        async with web(x=respond(b'{"n": 12345678901234567890123}', content_type="application/json")) as site:
            output, context = await fetch(site.url("/x"))
            assert output["status"] == 200
            assert output["body"] == {"n": 12345678901234567890123}
            assert output["headers"]["content-type"] == "application/json"
            assert 0 <= output["durationMs"] < 10_000
            assert context.api_calls == 1
            assert site.seen[0].headers["idempotency-key"] == context.idempotency_key
            assert site.seen[0].headers["host"] == f"127.0.0.1:{site.port}"

    run(scenario())


def test_method_query_headers_and_each_kind_of_body_are_sent() -> None:
    async def scenario() -> None:
        async with web(x=respond()) as site, client() as http:
            context = RecordingContext(http)
            headers = {"X-Number": 5, "X-None": None, "Idempotency-Key": "mine", "X-Umlaut": "ü"}
            query = {"a": "1 2&", "b": [1, True], "c": None}
            await call(context, method="post", url=site.url("/x?z=9"), headers=headers, query=query, body={"k": "ü"})
            await call(context, method="PUT", url=site.url("/x"), body={"k": ["a b", 2]}, bodyType="form")
            await call(context, method="PATCH", url=site.url("/x"), body="héllo")
            await call(context, method="POST", url=site.url("/x"), body=None, bodyType="json")
            json, form, text, null = site.seen
            assert (json.method, json.target) == ("POST", "/x?z=9&a=1+2%26&b=1&b=true")
            assert json.body.decode() == '{"k":"ü"}'
            assert json.headers["content-type"] == "application/json"
            assert (json.headers["x-number"], json.headers["idempotency-key"]) == ("5", "mine")
            assert "x-none" not in json.headers
            assert (form.body, form.headers["content-type"]) == (b"k=a+b&k=2", "application/x-www-form-urlencoded")
            assert (text.body.decode(), text.headers["content-type"]) == ("héllo", "text/plain; charset=utf-8")
            assert null.body == b"null"
            assert context.api_calls == 4

    run(scenario())


@pytest.mark.parametrize(
    ("content_type", "body", "value"),
    [
        ("application/json", b'\xef\xbb\xbf{"a": 1}', {"a": 1}),
        ("application/problem+json; charset=utf-8", b"[1]", [1]),
        ("application/json", b"{not json", "{not json"),
        ("application/json", b"NaN", "NaN"),
        ("text/plain; charset=iso-8859-1", b"\xfc", "ü"),
        ("text/plain; charset=punycode", b"abc-", "abc-"),
        ("text/html", b"<b>", "<b>"),
        ("", b"plain", "plain"),
        (
            "image/png",
            b"\x89PNG",
            {"base64": base64.b64encode(b"\x89PNG").decode(), "contentType": "image/png", "bytes": 4},
        ),
        ("text/plain", b"a\x00b", {"base64": "YQBi", "contentType": "text/plain", "bytes": 3}),
        ("application/json", b"", None),
    ],
)
def test_a_body_becomes_a_json_value(content_type: str, body: bytes, value: Any) -> None:
    async def scenario() -> None:
        async with web(x=respond(body, content_type=content_type)) as site:
            assert (await fetch(site.url("/x")))[0]["body"] == value

    run(scenario())


@pytest.mark.parametrize(
    ("encoding", "pack"),
    [
        ("gzip", gzip.compress),
        ("gzip", lambda body: gzip.compress(body[:5]) + gzip.compress(body[5:])),
        ("deflate", zlib.compress),
        ("deflate", lambda body: zlib.compress(body)[2:-4]),
        ("identity", lambda body: body),
    ],
)
def test_packed_bodies_are_unpacked(encoding: str, pack: Any) -> None:
    async def scenario() -> None:
        body = b"some text " * 50_000
        async with web(x=respond(pack(body), content_type="text/plain", content_encoding=encoding)) as site:
            assert (await fetch(site.url("/x")))[0]["body"] == body.decode()

    run(scenario())


def test_repeated_headers_are_joined_and_cookies_are_a_list_that_nobody_keeps() -> None:
    async def scenario() -> None:
        head = "HTTP/1.1 200 OK\ncontent-length: 0\nx-a: 1\nx-a: 2\nset-cookie: a=1\nset-cookie: b=2"
        async with web(x=raw(head)) as site, client() as http:
            output = await call(RecordingContext(http), url=site.url("/x"))
            await call(RecordingContext(http), url=site.url("/x"))
            assert output["headers"]["x-a"] == "1, 2"
            assert output["headers"]["set-cookie"] == ["a=1", "b=2"]
            assert "cookie" not in site.seen[1].headers

    run(scenario())


@pytest.mark.parametrize(
    ("status", "given", "fails"),
    [
        ("404 Not Found", {}, True),
        ("404 Not Found", {"failOnStatus": False}, False),
        ("404 Not Found", {"failOnStatus": [500]}, False),
        ("200 OK", {"failOnStatus": [200]}, True),
        ("204 No Content", {}, False),
        ("304 Not Modified", {}, False),
    ],
)
def test_which_statuses_are_errors(status: str, given: dict[str, Any], fails: bool) -> None:
    async def scenario() -> None:
        async with web(x=raw(f"HTTP/1.1 {status}\ncontent-length: 0\nx: y")) as site:
            if fails:
                error, context = await refused(site.url("/x"), **given)
                assert error.code == "HTTP_STATUS"
                assert context.api_calls == 1
            else:
                assert (await fetch(site.url("/x"), **given))[0]["status"] == int(status[:3])

    run(scenario())


@pytest.mark.parametrize(
    ("status", "retryable"),
    [(400, False), (401, False), (404, False), (408, True), (425, True), (429, True), (500, True), (503, True)],
)
def test_which_statuses_may_be_retried_and_when(status: int, retryable: bool) -> None:
    async def scenario() -> None:
        async with web(x=respond(b"too many", f"{status} X", retry_after="7", content_type="text/plain")) as site:
            error, _ = await refused(site.url("/x"))
            assert (error.retryable, error.retry_after_s) == (retryable, 7.0)
            assert error.message == f"HTTP {status} from 127.0.0.1: too many"

    run(scenario())


def test_an_error_text_does_not_repeat_our_secrets() -> None:
    async def echo(request: Request, writer: asyncio.StreamWriter) -> None:
        body = request.headers["authorization"].encode()
        writer.write(b"HTTP/1.1 400 Bad\r\ncontent-length: %d\r\n\r\n%s" % (len(body), body))

    async def scenario() -> None:
        async with web(x=echo) as site:
            secret = "Bearer abcdefghijkl"
            error, context = await refused(site.url("/x?key=topsecret"), headers={"Authorization": secret})
            told = repr((error.message, context.lines))
            assert "abcdefghijkl" not in told
            assert "topsecret" not in told

    run(scenario())


def test_every_request_is_logged_once_by_method_host_status_and_time() -> None:
    async def scenario() -> None:
        async with web(x=respond()) as site:
            _, context = await fetch(site.url("/x?key=secret"))
            ((level, message, fields),) = context.lines
            assert level == "info"
            assert message.startswith("GET 127.0.0.1: status 200, ")
            assert fields.keys() == {"method", "host", "status", "durationMs"}

    run(scenario())


def test_a_redirect_is_followed_and_each_hop_is_counted() -> None:
    async def scenario() -> None:
        async with web(
            a=respond(status="302 Found", location="/b"),
            b=respond(status="307 Temporary", location="/c"),
            c=respond(b"end", content_type="text/plain"),
        ) as site:
            output, context = await fetch(
                site.url("/a"), method="POST", body={"k": 1}, headers={"authorization": "Basic eA=="}
            )
            assert output["body"] == "end"
            assert [(seen.method, seen.body) for seen in site.seen] == [
                ("POST", b'{"k":1}'),
                ("GET", b""),
                ("GET", b""),
            ]
            assert all("authorization" in seen.headers for seen in site.seen)
            assert context.api_calls == len(context.lines) == 3

    run(scenario())


def test_a_redirect_to_another_origin_carries_no_secrets() -> None:
    async def scenario() -> None:
        async with web(end=respond()) as other:
            async with web(a=respond(status="307 Temporary", location=other.url("/end"))) as site:
                headers = {"Authorization": "Bearer x", "X-Api-Key": "y", "Cookie": "z", "Accept": "text/plain"}
                await fetch(site.url("/a"), method="POST", body="kept", headers=headers)
            (seen,) = other.seen
            assert not {"authorization", "x-api-key", "cookie", "idempotency-key"} & seen.headers.keys()
            assert (seen.method, seen.body, seen.headers["accept"]) == ("POST", b"kept", "text/plain")

    run(scenario())


def test_redirects_end_after_three() -> None:
    async def scenario() -> None:
        async with web(a=respond(status="302 Found", location="/a")) as site:
            error, context = await refused(site.url("/a"))
            assert error.code == "TOO_MANY_REDIRECTS"
            assert context.api_calls == 4

    run(scenario())


@pytest.mark.parametrize(
    "url", ["ftp://example.com/", "//x", "example.com", "http://", "http://[::1", "http://a b/", "file:///etc/passwd"]
)
def test_an_url_that_is_none(url: str) -> None:
    async def scenario() -> None:
        error, context = await refused(url)
        assert error.code == "INVALID_URL"
        assert (context.api_calls, context.lines) == (0, [])

    run(scenario())


def test_a_kept_connection_is_used_again() -> None:
    async def scenario() -> None:
        async with web(x=respond(b"ok")) as site, client() as http:
            for _ in range(3):
                await call(RecordingContext(http), url=site.url("/x"))
            assert not site.closed.is_set()

    run(scenario())
