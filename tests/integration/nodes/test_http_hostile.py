"""`http.request` against servers that stall, drip, lie, flood and lead astray; and being canceled meanwhile."""

import asyncio
import gzip
import resource
import socket
import ssl
import time
import zlib
from collections.abc import Coroutine
from pathlib import Path
from typing import Any

import pytest

from shared.nodes.testing import RecordingContext
from tests import aio
from tests.integration.nodes.certificates import certificate
from tests.integration.nodes.web import Answer, Request, call, client, fetch, raw, refused, respond, stall, web


def run(scenario: Coroutine[Any, Any, None]) -> None:
    aio.run(asyncio.wait_for(scenario, 30))


async def drip(_: Request, writer: asyncio.StreamWriter) -> None:
    """One byte at a time, for ever."""
    writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 1000000\r\n\r\n")
    while True:
        writer.write(b"x")
        await writer.drain()
        await asyncio.sleep(0.01)


async def drip_headers(_: Request, writer: asyncio.StreamWriter) -> None:
    """A head that never ends."""
    writer.write(b"HTTP/1.1 200 OK\r\n")
    while True:
        writer.write(b"x: y\r\n")
        await writer.drain()
        await asyncio.sleep(0.01)


async def flood(_: Request, writer: asyncio.StreamWriter) -> None:
    """2 GB without saying so."""
    writer.write(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n")
    for _number in range(2_000):
        writer.write(b"100000\r\n" + b"x" * 0x100000 + b"\r\n")
        await writer.drain()


def gzip_bomb(megabytes: int) -> bytes:
    packer = zlib.compressobj(9, zlib.DEFLATED, 31)
    return b"".join([packer.compress(bytes(1_000_000)) for _ in range(megabytes)] + [packer.flush()])


@pytest.mark.parametrize("answer", [stall, drip, drip_headers], ids=["stall", "drip", "drip_headers"])
def test_a_cancel_ends_the_request_and_its_connection_within_a_second(answer: Answer) -> None:
    async def scenario() -> None:
        async with web(x=answer) as site, client() as http:
            context = RecordingContext(http)
            task = asyncio.create_task(call(context, url=site.url("/x")))
            await site.arrived.wait()
            started = time.monotonic()
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            assert time.monotonic() - started < 1
            assert context.api_calls == len(context.lines) == 1
            if answer is not stall:
                await asyncio.wait_for(site.closed.wait(), 5)

    run(scenario())


def test_a_cancel_ends_a_connect_that_hangs_within_a_second() -> None:
    async def scenario() -> None:
        with socket.socket() as full:
            full.bind(("127.0.0.1", 0))
            full.listen(0)
            port = full.getsockname()[1]
            # A full queue of the kernel leaves the next connects without an answer.
            fillers = [socket.socket() for _ in range(4)]
            for filler in fillers:
                filler.setblocking(False)
                filler.connect_ex(("127.0.0.1", port))
            async with client() as http:
                context = RecordingContext(http)
                task = asyncio.create_task(call(context, url=f"http://127.0.0.1:{port}/"))
                done, _ = await asyncio.wait([task], timeout=0.2)
                assert not done
                started = time.monotonic()
                task.cancel()
                with pytest.raises(asyncio.CancelledError):
                    await task
                assert time.monotonic() - started < 1
                assert context.api_calls == 0
            for filler in fillers:
                filler.close()

    run(scenario())


@pytest.mark.parametrize("answer", [stall, drip, drip_headers], ids=["stall", "drip", "drip_headers"])
def test_the_time_limit_covers_everything(answer: Answer) -> None:
    async def scenario() -> None:
        async with web(x=answer) as site:
            started = time.monotonic()
            error, context = await refused(site.url("/x"), timeoutMs=300)
            assert time.monotonic() - started < 2
            assert (error.code, error.retryable) == ("TIMEOUT", True)
            assert context.api_calls == 1

    run(scenario())


@pytest.mark.parametrize(
    "answer",
    [
        flood,
        raw("HTTP/1.1 200 OK\ncontent-length: 2000000000", b"x" * 100),
        respond(gzip_bomb(200), content_encoding="gzip"),
        respond(zlib.compress(bytes(50_000_000)), content_encoding="deflate"),
    ],
    ids=["flood", "declared", "gzip_bomb", "deflate_bomb"],
)
def test_a_body_over_the_limit_is_not_read(answer: Answer) -> None:
    async def scenario() -> None:
        async with web(x=answer) as site:
            before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
            started = time.monotonic()
            error, _ = await refused(site.url("/x"), maxBytes=100_000)
            assert error.code == "RESPONSE_TOO_LARGE"
            assert time.monotonic() - started < 5
            assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 50_000

    run(scenario())


def test_a_body_of_exactly_the_limit_is_read() -> None:
    async def scenario() -> None:
        async with web(x=respond(gzip.compress(b"x" * 1000), content_encoding="gzip"), y=respond(b"y" * 1000)) as site:
            assert (await fetch(site.url("/x"), maxBytes=1000))[0]["body"] == "x" * 1000
            assert (await fetch(site.url("/y"), maxBytes=1000))[0]["body"] == "y" * 1000
            assert (await refused(site.url("/x"), maxBytes=999))[0].code == "RESPONSE_TOO_LARGE"
            assert (await refused(site.url("/y"), maxBytes=999))[0].code == "RESPONSE_TOO_LARGE"

    run(scenario())


async def hang_up(_: Request, writer: asyncio.StreamWriter) -> None:
    writer.close()


async def cut_off(_: Request, writer: asyncio.StreamWriter) -> None:
    writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\nshort")
    writer.close()


@pytest.mark.parametrize(
    ("answer", "code"),
    [
        (hang_up, "CONNECTION_LOST"),
        (cut_off, "CONNECTION_LOST"),
        (raw("SSH-2.0-OpenSSH_9"), "CONNECTION_LOST"),
        (respond(b"not packed", content_encoding="gzip"), "INVALID_RESPONSE"),
        (respond(gzip.compress(b"x" * 1000)[:-9], content_encoding="gzip"), "INVALID_RESPONSE"),
        (respond(b"x", content_encoding="br"), "INVALID_RESPONSE"),
        (respond(status="302 Found", location="http://[::1"), "INVALID_URL"),
        (respond(status="302 Found", location="file:///etc/passwd"), "INVALID_URL"),
        (respond(status="302 Found", location="http://169.254.169.254/latest/meta-data"), "ADDRESS_NOT_ALLOWED"),
        (respond(status="302 Found", location="http://[::ffff:127.0.0.1]:1/"), "ADDRESS_NOT_ALLOWED"),
    ],
)
def test_lies_have_their_own_codes(answer: Answer, code: str) -> None:
    async def scenario() -> None:
        async with web(x=answer) as site:
            error, context = await refused(site.url("/x"), allowed=f"127.0.0.1/32:{site.port}")
            assert error.code == code
            assert context.api_calls == 1

    run(scenario())


def test_a_longer_body_than_declared_is_cut() -> None:
    async def scenario() -> None:
        async with web(x=raw("HTTP/1.1 200 OK\ncontent-length: 2", b"okay")) as site:
            assert (await fetch(site.url("/x")))[0]["body"] == "ok"

    run(scenario())


def test_nobody_listens() -> None:
    async def scenario() -> None:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            error, context = await refused(f"http://127.0.0.1:{free.getsockname()[1]}/")
            assert (error.code, error.retryable) == ("CONNECT_FAILED", True)
            assert "refused" in error.message
            assert context.api_calls == 0

    run(scenario())


def test_a_name_that_does_not_exist() -> None:
    async def scenario() -> None:
        error, context = await refused("http://nothing.invalid/")
        assert (error.code, error.retryable) == ("DNS_FAILED", True)
        assert context.api_calls == 0

    run(scenario())


def test_tls_keeps_the_name_and_checks_the_certificate(tmp_path: Path) -> None:
    async def scenario() -> None:
        server, file = certificate(tmp_path, "localhost")
        names: list[str | None] = []
        server.sni_callback = lambda _, name, __: names.append(name)
        allowed = "127.0.0.0/8,::1/128"
        async with web(server, x=respond(b"ok")) as site:
            error, context = await refused(site.url("/x", "localhost", "https"), allowed=allowed)
            assert (error.code, error.retryable, context.api_calls) == ("TLS_FAILED", False, 0)
            async with client(allowed, ssl.create_default_context(cafile=str(file))) as http:
                output = await call(RecordingContext(http), url=site.url("/x", "localhost", "https"))
                assert output["body"] == "ok"
            assert names == ["localhost", "localhost"]
            assert site.seen[0].headers["host"] == f"localhost:{site.port}"

    run(scenario())


def test_http_spoken_to_a_tls_port_and_tls_to_an_http_port(tmp_path: Path) -> None:
    async def scenario() -> None:
        server, _ = certificate(tmp_path, "localhost")
        async with web(server, x=respond()) as secure, web(x=respond()) as plain:
            assert (await refused(secure.url("/x")))[0].code == "CONNECTION_LOST"

            async def answer_tls_with_http(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
                writer.write(b"HTTP/1.1 400 Bad Request\r\n\r\n")
                writer.close()

            other = await asyncio.start_server(answer_tls_with_http, "127.0.0.1", 0)
            port = other.sockets[0].getsockname()[1]
            assert (await refused(f"https://127.0.0.1:{port}/"))[0].code == "TLS_FAILED"
            other.close()
            assert plain.seen == []

    run(scenario())
