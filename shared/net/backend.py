"""The network under the HTTP client: resolves a name once, checks every address, connects to a checked one.

Because the check and the connection use the same answer, a name that changes its address in between gains nothing.
TLS and the Host header still carry the name.
"""

import asyncio
from collections.abc import Iterable

from httpcore2 import AnyIOBackend, AsyncNetworkBackend, AsyncNetworkStream, ConnectError, ConnectTimeout

from shared.domain.errors import NodeError
from shared.net.addresses import ADDRESS_NOT_ALLOWED, AllowedNetworks
from shared.net.resolve import checked_addresses

_SocketOption = tuple[int, int, int] | tuple[int, int, bytes | bytearray] | tuple[int, int, None, int]


class GuardedBackend(AsyncNetworkBackend):
    """Connects by TCP to public or allowed addresses only."""

    def __init__(self, allowed: AllowedNetworks) -> None:
        self._allowed = allowed
        self._inner = AnyIOBackend()

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,  # noqa: ASYNC109 - the library's interface
        local_address: str | None = None,  # noqa: ARG002
        socket_options: Iterable[_SocketOption] | None = None,
    ) -> AsyncNetworkStream:
        """A connection to the first checked address that answers; `timeout` (seconds) covers resolving and all of them.

        Raises NodeError DNS_FAILED or ADDRESS_NOT_ALLOWED, ConnectError, ConnectTimeout.
        """
        try:
            async with asyncio.timeout(timeout):
                addresses = await checked_addresses(self._allowed, host, port)
                return await self._connect_any(addresses, port, timeout, socket_options)
        except TimeoutError:
            raise ConnectTimeout(f"no connection within {timeout} s") from None

    async def _connect_any(
        self,
        addresses: list[str],
        port: int,
        timeout_s: float | None,
        options: Iterable[_SocketOption] | None,
    ) -> AsyncNetworkStream:
        # An address that swallows packets must leave time for the next one.
        share = timeout_s and timeout_s / len(addresses)
        for place, address in enumerate(addresses, start=1):
            try:
                return await self._inner.connect_tcp(address, port, timeout=share, socket_options=options)
            except (ConnectError, ConnectTimeout):
                if place == len(addresses):
                    raise
        raise ConnectError("no address")

    async def connect_unix_socket(
        self,
        path: str,  # noqa: ARG002
        timeout: float | None = None,  # noqa: ARG002, ASYNC109
        socket_options: Iterable[_SocketOption] | None = None,  # noqa: ARG002
    ) -> AsyncNetworkStream:
        """Always refused: local sockets belong to the host."""
        raise NodeError(ADDRESS_NOT_ALLOWED, "Steps may not reach local sockets.")

    async def sleep(self, seconds: float) -> None:
        """Sleep."""
        await asyncio.sleep(seconds)
