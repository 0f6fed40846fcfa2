"""A server of a test that leaves no connection open when the test is over."""

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

Handle = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


@asynccontextmanager
async def serving(handle: Handle) -> AsyncIterator[int]:
    """The port of a server on 127.0.0.1."""
    loop, tasks = asyncio.get_running_loop(), dict[asyncio.Task[Any], socket.socket]()

    def accept() -> None:
        # At once, and known at once: asyncio's own server forgets a connection that it accepts in the moment when it is closed.
        with contextlib.suppress(BlockingIOError):
            connection, _ = listening.accept()
            connection.setblocking(False)
            tasks[loop.create_task(_one(connection, handle))] = connection

    with socket.create_server(("127.0.0.1", 0)) as listening:
        listening.setblocking(False)
        loop.add_reader(listening, accept)
        try:
            yield listening.getsockname()[1]
        finally:
            loop.remove_reader(listening)
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            for connection in tasks.values():
                connection.close()


async def _one(connection: socket.socket, handle: Handle) -> None:
    loop = asyncio.get_running_loop()
    streams: asyncio.Future[tuple[asyncio.StreamReader, asyncio.StreamWriter]] = loop.create_future()

    def protocol() -> asyncio.StreamReaderProtocol:
        return asyncio.StreamReaderProtocol(
            asyncio.StreamReader(), lambda reader, writer: streams.set_result((reader, writer))
        )

    transport, _ = await loop.connect_accepted_socket(protocol, connection)
    try:
        reader, writer = await streams
        with contextlib.suppress(asyncio.CancelledError):
            await handle(reader, writer)
        writer.transport.abort()
        with contextlib.suppress(OSError):
            await writer.wait_closed()
    finally:
        transport.abort()
