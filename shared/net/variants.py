"""Clients with TLS options of their own: a few, kept for those who come again, closed when their turn is over."""

import asyncio
import contextlib
import ssl
from collections import OrderedDict
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass

import httpx2

from shared.net.tls import Tls

MOST = 16


@dataclass(slots=True)
class _Kept:
    client: httpx2.AsyncClient
    borrowers: int = 0


class Variants:
    """At most `most` idle and busy clients; one that is in use is closed by its last user if it had to go meanwhile."""

    def __init__(self, make: Callable[[ssl.SSLContext], httpx2.AsyncClient], most: int = MOST) -> None:
        self._make = make
        self._most = most
        self._kept: OrderedDict[Tls, _Kept] = OrderedDict()

    @contextlib.asynccontextmanager
    async def lend(self, tls: Tls) -> AsyncIterator[httpx2.AsyncClient]:
        """The client with these options. Raises NodeError INVALID_CERTIFICATE."""
        kept = self._kept.get(tls) or await self._add(tls)
        self._kept.move_to_end(tls)
        kept.borrowers += 1
        try:
            await self._shrink()
            yield kept.client
        finally:
            kept.borrowers -= 1
            if not kept.borrowers and self._kept.get(tls) is not kept:
                await kept.client.aclose()

    async def _add(self, tls: Tls) -> _Kept:
        context = await asyncio.to_thread(tls.context)
        # Somebody else may have made it meanwhile.
        if tls not in self._kept:
            self._kept[tls] = _Kept(self._make(context))
        return self._kept[tls]

    async def _shrink(self) -> None:
        while len(self._kept) > self._most:
            _, oldest = self._kept.popitem(last=False)
            if not oldest.borrowers:
                await oldest.client.aclose()

    async def close(self) -> None:
        """Close all of them, the ones in use too."""
        while self._kept:
            _, kept = self._kept.popitem()
            await kept.client.aclose()
