"""A client of the API that costs little: one request, made once, on connections that stay open."""

import asyncio
import re
import time
from dataclasses import dataclass, field
from typing import Self

from services.standalone.ports import LOOPBACK
from tests.bench.flows import Flow, Flows
from tests.bench.product import Product

CONNECTIONS = 64
_LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)\r\n", re.IGNORECASE)


def start_request(product: Product, flows: Flows, flow: Flow, body: bytes = b'{"input": {}}') -> bytes:
    """`POST …/executions` as it goes over the wire."""
    head = (
        f"POST /api/v1/workflows/{flow.public}/executions HTTP/1.1\r\nHost: {LOOPBACK}:{product.port}\r\n"
        f"Authorization: Bearer {flows.token}\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body


class Connection:
    """One that is kept alive, for one request at a time."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer

    @classmethod
    async def open(cls, port: int) -> Self:
        """Connect to this machine."""
        return cls(*await asyncio.open_connection(LOOPBACK, port))

    async def ask(self, request: bytes) -> int:
        """Send a request and read its answer to the end; its status, 202 or 503. Raises AssertionError for any other."""
        self._writer.write(request)
        head = await self._reader.readuntil(b"\r\n\r\n")
        length = _LENGTH.search(head)
        assert length is not None, head
        body = await self._reader.readexactly(int(length[1]))
        status = int(head[9:12])
        assert status in (202, 503), head + body
        return status

    async def close(self) -> None:
        """Hang up."""
        self._writer.close()
        await self._writer.wait_closed()


async def ask_all(port: int, request: bytes, count: int, concurrency: int) -> None:
    """Send it so many times, the next one on a connection as soon as it has its answer."""
    left = iter(range(count))

    async def serve() -> None:
        connection = await Connection.open(port)
        for _ in left:
            assert await connection.ask(request) == 202
        await connection.close()

    await asyncio.gather(*(serve() for _ in range(concurrency)))


@dataclass
class Answered:
    """Times of each request, in milliseconds."""

    latency_ms: list[float] = field(default_factory=list)
    """From the moment when it was due, whenever it was sent, to the end of its answer."""
    late_ms: list[float] = field(default_factory=list)
    """From the moment when it was due until it was sent: what of the latency is the client's own."""
    refused: int = 0
    """Answers of 503, among them: an API that cannot keep up says so."""


async def ask_at_rate(port: int, request: bytes, per_s: float, seconds: float) -> Answered:
    """Send it at fixed moments, whatever has become of those before: who waits for answers would measure too few."""
    found = Answered()
    idle = [await Connection.open(port) for _ in range(CONNECTIONS)]

    async def ask(due: float) -> None:
        connection = idle.pop() if idle else await Connection.open(port)
        found.late_ms.append(1000 * (time.perf_counter() - due))
        status = await connection.ask(request)
        found.refused += status == 503
        found.latency_ms.append(1000 * (time.perf_counter() - due))
        idle.append(connection)

    began = time.perf_counter()
    async with asyncio.TaskGroup() as tasks:
        for number in range(round(per_s * seconds)):
            due = began + number / per_s
            await asyncio.sleep(max(0.0, due - time.perf_counter()))
            tasks.create_task(ask(due))
    for connection in idle:
        await connection.close()
    return found
