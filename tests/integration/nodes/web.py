"""Web servers for tests: real sockets, every byte of the answer under the test's control, good manners optional."""

import asyncio
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, cast

from shared.net.client import make_client
from shared.net.pooled import HttpClient
from shared.nodes.base import Done, NodeError
from shared.nodes.catalogue import node_types
from shared.nodes.testing import RecordingContext
from shared.settings import Settings

LOCAL = "127.0.0.1/32"


@dataclass(frozen=True, slots=True)
class Request:
    """A request as it arrived; header names in lower case."""

    method: str
    target: str
    headers: dict[str, str]
    body: bytes


Answer = Callable[[Request, asyncio.StreamWriter], Awaitable[None]]


@dataclass(slots=True)
class Web:
    """A server; `answers` by path. `seen` keeps the requests, `closed` is set when a client has gone."""

    answers: dict[str, Answer]
    port: int = 0
    seen: list[Request] = field(default_factory=list)
    arrived: asyncio.Event = field(default_factory=asyncio.Event)
    closed: asyncio.Event = field(default_factory=asyncio.Event)
    serving: set[asyncio.Task[None]] = field(default_factory=set)

    def url(self, path: str, host: str = "127.0.0.1", scheme: str = "http") -> str:
        return f"{scheme}://{host}:{self.port}{path}"

    async def handle(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.serving.add(task := cast("asyncio.Task[None]", asyncio.current_task()))
        try:
            while request := await read_request(reader):
                self.seen.append(request)
                self.arrived.set()
                await self.answers[request.target.partition("?")[0]](request, writer)
                await writer.drain()
        except (ConnectionError, ssl.SSLError, asyncio.IncompleteReadError, asyncio.CancelledError):
            pass
        finally:
            self.closed.set()
            self.serving.discard(task)
            writer.close()

    async def end(self) -> None:
        """Let nobody wait for an answer any more."""
        for task in (left := list(self.serving)):
            task.cancel()
        await asyncio.gather(*left)


async def read_request(reader: asyncio.StreamReader) -> Request | None:
    head = await reader.readuntil(b"\r\n\r\n") if not reader.at_eof() else b""
    if not head:
        return None
    first, *lines = head.decode().split("\r\n")[:-2]
    method, target, _ = first.split(" ")
    headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
    return Request(method, target, headers, await reader.readexactly(int(headers.get("content-length", "0"))))


@asynccontextmanager
async def web(tls: ssl.SSLContext | None = None, **answers: Answer) -> AsyncIterator[Web]:
    """A running server; the answer for `/some_path` is called `some_path`."""
    site = Web({f"/{name}": answer for name, answer in answers.items()})
    server = await asyncio.start_server(site.handle, "127.0.0.1", 0, ssl=tls)
    site.port = server.sockets[0].getsockname()[1]
    try:
        yield site
    finally:
        server.close()
        await site.end()


def raw(head: str, body: bytes = b"") -> Answer:
    """Answers with these bytes; lines of the head are parted by newlines."""

    async def answer(_: Request, writer: asyncio.StreamWriter) -> None:
        writer.write(head.strip().replace("\n", "\r\n").encode() + b"\r\n\r\n" + body)

    return answer


def respond(body: bytes = b"", status: str = "200 OK", **headers: str) -> Answer:
    """A well-formed answer; `_` in a header's name stands for a hyphen."""
    lines = [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
    return raw("\n".join([f"HTTP/1.1 {status}", f"content-length: {len(body)}", *lines]), body)


async def stall(_: Request, __: asyncio.StreamWriter) -> None:
    """Never answers."""
    await asyncio.Event().wait()


@asynccontextmanager
async def client(allowed: str = LOCAL, tls: ssl.SSLContext | None = None) -> AsyncIterator[HttpClient]:
    """A client that may reach this machine."""
    settings = Settings().model_copy(update={"allow_private_networks": allowed})
    async with make_client(settings, tls) as found:
        yield found


async def call(context: RecordingContext, **params: Any) -> dict[str, Any]:
    """The output of an http.request."""
    node = node_types()["http.request"]
    done = await node.run(context, node.parse(params))
    assert isinstance(done, Done)
    return dict(done.output)


async def fetch(url: str, allowed: str = LOCAL, **params: Any) -> tuple[dict[str, Any], RecordingContext]:
    """One http.request with a client of its own: its output and what it did."""
    async with client(allowed) as http:
        context = RecordingContext(http)
        return await call(context, url=url, **params), context


async def refused(url: str, allowed: str = LOCAL, **params: Any) -> tuple[NodeError, RecordingContext]:
    """One http.request that fails: its error and what it did."""
    async with client(allowed) as http:
        context = RecordingContext(http)
        try:
            await call(context, url=url, **params)
        except NodeError as error:
            return error, context
    raise AssertionError("no error")
