"""HTTP/2 servers that flood: frames, headers and data are bounded, and a cancel comes through."""

import asyncio
import resource
import ssl
import struct
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from h2.config import H2Configuration
from h2.connection import H2Connection
from h2.events import RequestReceived
from hpack import Encoder

from shared.nodes.base import NodeError
from shared.nodes.testing import RecordingContext
from tests import aio
from tests.integration.nodes.certificates import certificate
from tests.integration.nodes.web import call, client

DATA, HEADERS, RST_STREAM, SETTINGS, PING, GOAWAY, CONTINUATION = 0x0, 0x1, 0x3, 0x4, 0x6, 0x7, 0x9
Attack = Callable[[asyncio.StreamWriter, int], Awaitable[None]]


def frame(kind: int, flags: int, stream: int, payload: bytes) -> bytes:
    return struct.pack("!I", len(payload))[1:] + struct.pack("!BBI", kind, flags, stream) + payload


def answering(*headers: tuple[str, str]) -> bytes:
    return Encoder().encode([(":status", "200"), *headers])


async def pings(writer: asyncio.StreamWriter, _: int) -> None:
    while True:
        writer.write(frame(PING, 0, 0, b"12345678") * 100)
        await writer.drain()


async def settings(writer: asyncio.StreamWriter, _: int) -> None:
    while True:
        writer.write(frame(SETTINGS, 0, 0, b"") * 100)
        await writer.drain()


async def continuations(writer: asyncio.StreamWriter, stream: int) -> None:
    writer.write(frame(HEADERS, 0, stream, answering()))
    while True:
        writer.write(frame(CONTINUATION, 0, stream, b"\x00\x01a\x01b" * 1_000))
        await writer.drain()


async def large_headers(writer: asyncio.StreamWriter, stream: int) -> None:
    block = answering(*[(f"x-{number}", "y" * 4_000) for number in range(100)])
    pieces = [block[at : at + 16_000] for at in range(0, len(block), 16_000)]
    writer.write(frame(HEADERS, 0, stream, pieces[0]))
    for piece in pieces[1:-1]:
        writer.write(frame(CONTINUATION, 0, stream, piece))
    writer.write(frame(CONTINUATION, 0x4, stream, pieces[-1]))
    await writer.drain()


async def data(writer: asyncio.StreamWriter, stream: int) -> None:
    """Beyond every window."""
    writer.write(frame(HEADERS, 0x4, stream, answering()))
    while True:
        writer.write(frame(DATA, 0, stream, b"x" * 16_384))
        await writer.drain()


async def empty_data(writer: asyncio.StreamWriter, stream: int) -> None:
    writer.write(frame(HEADERS, 0x4, stream, answering()))
    while True:
        writer.write(frame(DATA, 0, stream, b"") * 100)
        await writer.drain()


async def reset(writer: asyncio.StreamWriter, stream: int) -> None:
    writer.write(frame(RST_STREAM, 0, stream, struct.pack("!I", 2)))
    await writer.drain()


async def go_away(writer: asyncio.StreamWriter, _: int) -> None:
    writer.write(frame(GOAWAY, 0, 0, struct.pack("!II", 0, 2)))
    await writer.drain()
    writer.close()


async def nonsense(writer: asyncio.StreamWriter, _: int) -> None:
    writer.write(b"\xff" * 100_000)
    await writer.drain()


@asynccontextmanager
async def site(folder: Path, attack: Attack) -> AsyncIterator[tuple[str, ssl.SSLContext]]:
    """A server that attacks whoever asks for something."""
    tls, file = certificate(folder, "localhost")
    tls.set_alpn_protocols(["h2"])

    serving: set[asyncio.Task[None] | None] = set()

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        serving.add(asyncio.current_task())
        protocol = H2Connection(H2Configuration(client_side=False))
        protocol.initiate_connection()
        try:
            while True:
                writer.write(protocol.data_to_send())
                received = await reader.read(65_536)
                if not received:
                    return
                for event in protocol.receive_data(received):
                    if isinstance(event, RequestReceived):
                        writer.write(protocol.data_to_send())
                        await attack(writer, event.stream_id)
        except (ConnectionError, ssl.SSLError, asyncio.CancelledError):
            pass
        finally:
            writer.close()

    server = await asyncio.start_server(handle, "127.0.0.1", 0, ssl=tls)
    port = server.sockets[0].getsockname()[1]
    try:
        yield f"https://localhost:{port}/", ssl.create_default_context(cafile=str(file))
    finally:
        server.close()
        for task in serving:
            if task is not None:
                task.cancel()


@pytest.mark.parametrize(
    "attack", [pings, settings, continuations, large_headers, data, empty_data, reset, go_away, nonsense]
)
def test_a_flood_ends_in_an_error_in_flat_memory(tmp_path: Path, attack: Attack) -> None:
    async def scenario() -> None:
        async with site(tmp_path, attack) as (url, tls), client("127.0.0.0/8,::1/128", tls) as http:
            before, started = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, time.monotonic()
            with pytest.raises(NodeError) as caught:
                await call(RecordingContext(http), url=url, maxBytes=100_000, timeoutMs=700)
            assert caught.value.code in {"TIMEOUT", "CONNECTION_LOST", "RESPONSE_TOO_LARGE"}
            assert time.monotonic() - started < 5
            assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 50_000

    aio.run(asyncio.wait_for(scenario(), 30))


@pytest.mark.parametrize("attack", [pings, empty_data])
def test_a_cancel_comes_through_a_flood_within_a_second(tmp_path: Path, attack: Attack) -> None:
    async def scenario() -> None:
        begun = asyncio.Event()

        async def begin(writer: asyncio.StreamWriter, stream: int) -> None:
            begun.set()
            await attack(writer, stream)

        async with site(tmp_path, begin) as (url, tls), client("127.0.0.0/8,::1/128", tls) as http:
            task = asyncio.create_task(call(RecordingContext(http), url=url))
            await begun.wait()
            started = time.monotonic()
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            assert time.monotonic() - started < 1

    aio.run(asyncio.wait_for(scenario(), 30))
