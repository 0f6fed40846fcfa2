"""A TCP proxy in front of a server, which can cut connections in the middle of a message, stall and delay them."""

import asyncio
import contextlib
import random
import threading

CHUNK = 65_536


class Proxy:
    """Listens on a port of its own and passes everything on, in a thread with an event loop."""

    def __init__(self, target: tuple[str, int], seed: int) -> None:
        self.target = target
        self.port = 0
        self._random = random.Random(seed)
        self._tear = 0.0
        self._delay_s = 0.0
        self._refuses = False
        self._loop = asyncio.new_event_loop()
        self._open = asyncio.Event()
        self._open.set()
        self._writers: set[asyncio.StreamWriter] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        self._thread = threading.Thread(target=self._loop.run_forever, name="proxy", daemon=True)
        self._thread.start()
        self._server = asyncio.run_coroutine_threadsafe(self._listen(), self._loop).result()

    def tear(self, probability: float) -> None:
        """From now on each chunk may be the last of its connection: half of it arrives, then nothing."""
        self._tear = probability

    def cut(self) -> None:
        """End every connection now."""
        self._loop.call_soon_threadsafe(self._cut)

    def refuse(self, *, refuses: bool) -> None:
        """Whether new connections are ended at once."""
        self._refuses = refuses

    def stall(self) -> None:
        """Pass nothing on, and close nothing: the peer is silent."""
        self._loop.call_soon_threadsafe(self._open.clear)

    def delay(self, seconds: float) -> None:
        """Pass each chunk on so much later."""
        self._delay_s = seconds

    def heal(self) -> None:
        """An honest wire again."""
        self._tear, self._delay_s, self._refuses = 0.0, 0.0, False
        self._loop.call_soon_threadsafe(self._open.set)

    def close(self) -> None:
        """End all connections and stop listening."""
        asyncio.run_coroutine_threadsafe(self._close(), self._loop).result()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    # -- on the loop ----------------------------------------------------------------------------------------------

    async def _listen(self) -> asyncio.Server:
        server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.port = server.sockets[0].getsockname()[1]
        return server

    async def _close(self) -> None:
        self._server.close()
        self._cut()
        self._open.set()
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def _cut(self) -> None:
        for writer in list(self._writers):
            writer.transport.abort()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        self._writers.add(writer)
        try:
            if not self._refuses:
                await self._connect(reader, writer)
        except (OSError, asyncio.CancelledError):
            pass
        finally:
            self._writers.discard(writer)
            self._tasks.discard(task)
            writer.transport.abort()

    async def _connect(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        there, back = await asyncio.open_connection(*self.target)
        self._writers.add(back)
        pumps = {asyncio.ensure_future(self._pump(reader, back)), asyncio.ensure_future(self._pump(there, writer))}
        try:
            await asyncio.wait(pumps, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for pump in pumps:
                pump.cancel()
            await asyncio.gather(*pumps, return_exceptions=True)
            with contextlib.suppress(OSError):
                await writer.drain()
            self._writers.discard(back)
            back.transport.abort()

    async def _pump(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while chunk := await reader.read(CHUNK):
            if self._delay_s:
                await asyncio.sleep(self._delay_s)
            await self._open.wait()
            if self._tear and self._random.random() < self._tear:
                writer.write(chunk[: len(chunk) // 2])
                await writer.drain()
                return
            writer.write(chunk)
            await writer.drain()
        writer.close()
