"""Connected sockets for blocking libraries, which another thread can cut."""

import asyncio
import contextlib
import socket
from collections.abc import Awaitable, Callable
from typing import Protocol, TypeVar

from shared.domain.errors import NodeError
from shared.net.resolve import DNS_FAILED

T = TypeVar("T")


class InThread(Protocol):
    """What runs blocking work: a context's `in_thread`, or `in_thread` of here."""

    async def __call__(self, fn: Callable[[], T], on_cancel: Callable[[], None]) -> T:
        """The result of `fn`; a cancel calls `on_cancel` at once and does not wait."""


async def in_thread(fn: Callable[[], T], on_cancel: Callable[[], None]) -> T:
    """Run blocking work outside of a step, in a thread of the loop's own."""
    try:
        return await asyncio.get_running_loop().run_in_executor(None, fn)
    except asyncio.CancelledError:
        on_cancel()
        raise


async def resolved(addresses: Awaitable[list[str]], host: str, timeout_s: float) -> list[str]:
    """The checked addresses of a host, as a context or a network gives them, in time.

    Raises NodeError DNS_FAILED, ADDRESS_NOT_ALLOWED.
    """
    try:
        async with asyncio.timeout(timeout_s):
            return await addresses
    except TimeoutError:
        text = f"The name {host} was not resolved within {timeout_s:g} s: check DNS."
        raise NodeError(DNS_FAILED, text, retryable=True) from None


async def connected(addresses: list[str], port: int, timeout_s: float) -> socket.socket:
    """A blocking TCP socket to the first of these addresses that answers; no name is looked up.

    Raises TimeoutError, OSError of the last address.
    """
    # An address that swallows packets must leave time for the next one.
    share_s = timeout_s / len(addresses)
    for address in addresses[:-1]:
        with contextlib.suppress(OSError):
            return await _connect(address, port, share_s)
    return await _connect(addresses[-1], port, share_s)


async def _connect(address: str, port: int, timeout_s: float) -> socket.socket:
    sock = socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET, socket.SOCK_STREAM)
    try:
        sock.setblocking(False)
        async with asyncio.timeout(timeout_s):
            await asyncio.get_running_loop().sock_connect(sock, (address, port))
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        sock.settimeout(timeout_s)
    except BaseException:
        sock.close()
        raise
    return sock


async def over_socket(sock: socket.socket, work: Callable[[], T], run: InThread) -> T:
    """Run blocking `work` that uses and closes `sock`; a cancel cuts the connection at once, whatever state TLS is in."""
    # A second handle: `work` may wrap or close its own at any moment, and another connection may get the number.
    handle = sock.dup()
    started = False

    def job() -> T:
        nonlocal started
        started = True
        with sock:
            return work()

    try:
        return await run(job, lambda: cut(handle))
    finally:
        handle.close()
        if not started:
            sock.close()


def cut(handle: socket.socket) -> None:
    """End a connection for whoever waits on it."""
    with contextlib.suppress(OSError):
        handle.shutdown(socket.SHUT_RDWR)
