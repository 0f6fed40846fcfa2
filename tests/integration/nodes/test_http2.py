"""HTTP/2: many requests share one connection, and canceling one leaves the others alone."""

import asyncio
import ssl
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from h2.config import H2Configuration
from h2.connection import H2Connection
from h2.events import DataReceived, RequestReceived, StreamEnded

from shared.nodes.testing import RecordingContext
from tests import aio
from tests.integration.nodes.certificates import certificate
from tests.integration.nodes.web import call, client


class Http2Site:
    """Answers `/ok` with "ok" and lets everything else wait. `connections` counts clients."""

    def __init__(self) -> None:
        self.port = 0
        self.connections = 0
        self.waiting = asyncio.Event()

    async def handle(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        protocol = H2Connection(H2Configuration(client_side=False))
        protocol.initiate_connection()
        paths: dict[int, str] = {}
        while True:
            writer.write(protocol.data_to_send())
            received = await reader.read(65_536)
            if not received:
                return
            for event in protocol.receive_data(received):
                if isinstance(event, RequestReceived):
                    paths[event.stream_id] = dict(event.headers)[b":path"].decode()
                elif isinstance(event, DataReceived):
                    protocol.acknowledge_received_data(event.flow_controlled_length, event.stream_id)
                elif isinstance(event, StreamEnded) and paths[event.stream_id] == "/ok":
                    protocol.send_headers(event.stream_id, [(":status", "200"), ("content-type", "text/plain")])
                    protocol.send_data(event.stream_id, b"ok", end_stream=True)
                elif isinstance(event, StreamEnded):
                    self.waiting.set()

    def url(self, path: str) -> str:
        return f"https://localhost:{self.port}{path}"


@asynccontextmanager
async def http2_site(folder: Path) -> AsyncIterator[tuple[Http2Site, ssl.SSLContext]]:
    tls, file = certificate(folder, "localhost")
    tls.set_alpn_protocols(["h2"])
    site = Http2Site()
    server = await asyncio.start_server(site.handle, "127.0.0.1", 0, ssl=tls)
    site.port = server.sockets[0].getsockname()[1]
    try:
        yield site, ssl.create_default_context(cafile=str(file))
    finally:
        server.close()


def test_requests_share_a_connection_and_a_cancel_ends_one_of_them(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with http2_site(tmp_path) as (site, tls), client("127.0.0.0/8,::1/128", tls) as http:
            first, stalled, after = RecordingContext(http), RecordingContext(http), RecordingContext(http)
            assert (await call(first, url=site.url("/ok")))["body"] == "ok"
            task = asyncio.create_task(call(stalled, url=site.url("/wait")))
            await site.waiting.wait()
            assert (await call(RecordingContext(http), url=site.url("/ok")))["body"] == "ok"
            started = time.monotonic()
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            assert time.monotonic() - started < 1
            assert (await call(after, method="POST", url=site.url("/ok"), body={"a": 1}))["body"] == "ok"
            assert site.connections == 1
            assert first.api_calls == stalled.api_calls == after.api_calls == 1

    aio.run(asyncio.wait_for(scenario(), 20))
