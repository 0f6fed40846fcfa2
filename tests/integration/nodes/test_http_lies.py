"""`http.request` against answers that break HTTP or have no end: ended early, in flat memory, with an error that says so."""

import asyncio
import gzip
import json
import resource
import time
from collections.abc import Coroutine
from typing import Any

import pytest

from shared.nodes.testing import RecordingContext
from tests import aio
from tests.integration.nodes.test_http_hostile import flood, gzip_bomb
from tests.integration.nodes.web import Answer, Request, call, client, fetch, raw, refused, respond, web

HEAD = b"HTTP/1.1 200 OK\r\n"
CHUNKED = "HTTP/1.1 200 OK\ncontent-type: text/plain\ntransfer-encoding: chunked"


def run(scenario: Coroutine[Any, Any, None]) -> None:
    aio.run(asyncio.wait_for(scenario, 30))


def endless(start: bytes, piece: bytes) -> Answer:
    """As fast as the client takes it."""

    async def answer(_: Request, writer: asyncio.StreamWriter) -> None:
        writer.write(start)
        while True:
            writer.write(piece)
            await writer.drain()

    return answer


async def stall_after_headers(_: Request, writer: asyncio.StreamWriter) -> None:
    writer.write(HEAD + b"content-length: 10\r\n\r\nabc")
    await writer.drain()
    await asyncio.Event().wait()


def peak_kb() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


@pytest.mark.parametrize(
    ("answer", "codes"),
    [
        (endless(HEAD, b"x-a: " + b"y" * 1_000 + b"\r\n"), {"CONNECTION_LOST"}),
        (endless(HEAD + b"x-a: ", b"y" * 65_536), {"CONNECTION_LOST"}),
        (endless(b"", b"HTTP/1.1 100 Continue\r\n\r\n"), {"TIMEOUT", "CONNECTION_LOST"}),
        (endless(b"", b"HTTP/1.1 103 Early Hints\r\nlink: </a>\r\n\r\n"), {"TIMEOUT", "CONNECTION_LOST"}),
        (endless(b"", b"\x00" * 65_536), {"CONNECTION_LOST"}),
        (
            endless(HEAD + b"transfer-encoding: chunked\r\n\r\n", b"1\r\nx\r\n" * 5_000),
            {"RESPONSE_TOO_LARGE", "TIMEOUT"},
        ),
        (endless(HEAD + b"transfer-encoding: chunked\r\n\r\n1;", b"x" * 65_536), {"CONNECTION_LOST"}),
        (
            endless(HEAD + b"transfer-encoding: chunked\r\n\r\nFFFFFFFFFFFFFFFF\r\n", b"x" * 65_536),
            {"RESPONSE_TOO_LARGE"},
        ),
        (endless(HEAD + b"transfer-encoding: chunked\r\n\r\n0\r\n", b"x: y\r\n" * 5_000), {"CONNECTION_LOST"}),
        (endless(HEAD + b"connection: close\r\n\r\n", b"x" * 65_536), {"RESPONSE_TOO_LARGE"}),
        (stall_after_headers, {"TIMEOUT"}),
    ],
    ids=[
        "headers",
        "header",
        "continue",
        "hints",
        "zeros",
        "chunks",
        "extension",
        "chunk",
        "trailers",
        "body",
        "stall",
    ],
)
def test_an_answer_without_end_is_ended(answer: Answer, codes: set[str]) -> None:
    async def scenario() -> None:
        async with web(x=answer) as site:
            before, started = peak_kb(), time.monotonic()
            limit_ms = 700 if "TIMEOUT" in codes else 4_000
            error, context = await refused(site.url("/x"), maxBytes=100_000, timeoutMs=limit_ms)
            assert error.code in codes
            assert time.monotonic() - started < 5
            assert peak_kb() - before < 50_000
            assert context.api_calls == 1

    run(scenario())


def test_pieces_of_one_byte_hold_up_nobody_else_on_the_loop() -> None:
    async def scenario() -> None:
        pieces = raw(CHUNKED, b"1\r\nx\r\n" * 10_000 + b"0\r\n\r\n")
        async with web(x=pieces) as site, client() as http:
            task = asyncio.create_task(call(RecordingContext(http), url=site.url("/x")))
            await site.arrived.wait()
            turns = 0
            while not task.done():
                turns += 1
                await asyncio.sleep(0)
            assert (await task)["body"] == "x" * 10_000
            assert turns > 100

    run(scenario())


@pytest.mark.parametrize(
    ("answer", "code"),
    [
        (raw(CHUNKED, b"-5\r\nx"), "CONNECTION_LOST"),
        (raw(CHUNKED, b"zz\r\nx"), "CONNECTION_LOST"),
        (raw(CHUNKED, b"5\r\nabcdefghij\r\n"), "CONNECTION_LOST"),
        (raw("HTTP/1.1 200 OK\ncontent-length: -1"), "CONNECTION_LOST"),
        (raw("HTTP/1.1 200 OK\ncontent-length: 1\ncontent-length: 2", b"ab"), "CONNECTION_LOST"),
        (raw("HTTP/1.1 200 OK\ncontent-length: 1e9", b"ab"), "CONNECTION_LOST"),
        (raw(f"HTTP/1.1 200 OK\ncontent-length: {'9' * 20}", b"ab"), "RESPONSE_TOO_LARGE"),
        (raw(f"HTTP/1.1 200 OK\ncontent-length: {'9' * 30}", b"ab"), "CONNECTION_LOST"),
        (raw("HTTP/1.1 999 OK\nbad header: x"), "CONNECTION_LOST"),
        (raw("HTTP/1.1 20 OK"), "CONNECTION_LOST"),
        (respond(gzip.compress(gzip.compress(b"x")), content_encoding="gzip, gzip"), "INVALID_RESPONSE"),
        (respond(b"x", content_encoding="x" * 5_000), "INVALID_RESPONSE"),
    ],
)
def test_what_is_no_http_is_told_as_that(answer: Answer, code: str) -> None:
    async def scenario() -> None:
        async with web(x=answer) as site:
            error, _ = await refused(site.url("/x"), timeoutMs=3_000)
            assert error.code == code
            assert len(error.message) < 500

    run(scenario())


EVIL = b"HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\nevil"


@pytest.mark.parametrize(
    ("answer", "body"),
    [
        (raw(f"{CHUNKED}\ncontent-length: 40", b"5\r\nhello\r\n0\r\n\r\n" + EVIL), "hello"),
        (raw(CHUNKED, b"5\r\nhello\r\n0\r\n\r\n" + EVIL), "hello"),
        (raw("HTTP/1.1 200 OK\ncontent-length: 5", b"hello" + EVIL), "hello"),
        (raw("HTTP/1.1 200 OK\ncontent-length: 5", b"hello, and more"), "hello"),
        (raw("HTTP/1.1 204 No Content", EVIL), None),
    ],
)
def test_what_follows_an_answer_is_not_taken_for_the_next_one(answer: Answer, body: str | None) -> None:
    async def scenario() -> None:
        async with web(x=answer, y=respond(b"good", content_type="text/plain")) as site, client() as http:
            for _ in range(2):
                assert (await call(RecordingContext(http), url=site.url("/x")))["body"] == body
                assert (await call(RecordingContext(http), url=site.url("/y")))["body"] == "good"

    run(scenario())


@pytest.mark.parametrize(
    "answer",
    [
        endless(
            b"HTTP/1.1 302 Found\r\nlocation: /y\r\ntransfer-encoding: chunked\r\n\r\n",
            b"100\r\n" + b"x" * 256 + b"\r\n",
        ),
        raw("HTTP/1.1 302 Found\nlocation: /y\ncontent-length: 2000000000", b"x"),
    ],
    ids=["chunked", "declared"],
)
def test_the_body_of_a_redirect_is_not_read(answer: Answer) -> None:
    async def scenario() -> None:
        async with web(x=answer, y=respond(b"ok", content_type="text/plain")) as site:
            before = peak_kb()
            assert (await fetch(site.url("/x")))[0]["body"] == "ok"
            assert peak_kb() - before < 50_000

    run(scenario())


@pytest.mark.parametrize("packed", [False, True])
def test_the_body_of_an_error_is_read_for_its_beginning_only(packed: bool) -> None:
    async def scenario() -> None:
        bomb = respond(gzip_bomb(200), "500 Oops", content_encoding="gzip")
        open_end = endless(b"HTTP/1.1 500 Oops\r\nconnection: close\r\n\r\n", b"no! " * 10_000)
        async with web(x=bomb if packed else open_end) as site:
            before = peak_kb()
            error, _ = await refused(site.url("/x"))
            assert error.code == "HTTP_STATUS"
            assert len(error.message) < 300
            assert peak_kb() - before < 50_000

    run(scenario())


def test_two_gigabytes_end_at_the_largest_limit_too() -> None:
    async def scenario() -> None:
        async with web(x=flood) as site:
            before = peak_kb()
            error, _ = await refused(site.url("/x"), maxBytes=50_000_000)
            assert error.code == "RESPONSE_TOO_LARGE"
            assert "no more than that" in error.message
            assert peak_kb() - before < 200_000

    run(scenario())


@pytest.mark.parametrize("depth", [100_000, 1_000_000])
def test_json_that_is_too_deep_is_text(depth: int) -> None:
    async def scenario() -> None:
        body = b"[" * depth + b"]" * depth
        async with web(x=respond(body, content_type="application/json")) as site:
            output, _ = await fetch(site.url("/x"), maxBytes=3_000_000)
            assert output["body"] == body.decode()
            error, _ = await refused(site.url("/x"), maxBytes=3_000_000, responseType="json")
            assert error.code == "INVALID_RESPONSE"

    run(scenario())


def test_a_number_of_a_million_digits_does_not_hold_up_the_loop() -> None:
    async def scenario() -> None:
        body = json.dumps({"a": 1})[:-1].encode() + b"2" * 1_000_000 + b"}"
        async with web(x=respond(body, content_type="application/json")) as site:
            started = time.monotonic()
            output, _ = await fetch(site.url("/x"), maxBytes=2_000_000)
            assert isinstance(output["body"], str)
            assert time.monotonic() - started < 5

    run(scenario())
