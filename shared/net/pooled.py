"""What a process keeps for its HTTP requests: pooled connections behind the guard, variants for TLS options, tokens."""

import ssl
from functools import partial
from http.cookiejar import DefaultCookiePolicy
from types import TracebackType

import httpx2

from shared.net.addresses import AllowedNetworks
from shared.net.connections import GuardedPool
from shared.net.tokens import Tokens
from shared.net.variants import Variants

USER_AGENT = "Flowversal/0.1"
CONNECT_TIMEOUT_S = 10.0


class GuardedClient(httpx2.AsyncClient):
    """One pool: HTTP/2, no proxies or secrets from the environment, no cookies kept, no redirects followed."""

    def __init__(self, allowed: AllowedNetworks, tls: ssl.SSLContext) -> None:
        super().__init__(
            transport=_GuardedTransport(allowed, tls),
            timeout=httpx2.Timeout(None, connect=CONNECT_TIMEOUT_S),
            headers={"User-Agent": USER_AGENT, "Accept": "*/*", "Accept-Encoding": "gzip, deflate"},
            follow_redirects=False,
            trust_env=False,
        )
        # The client is shared by every workflow: a cookie of one must never reach another.
        self.cookies.jar.set_policy(DefaultCookiePolicy(allowed_domains=[]))


class HttpClient(GuardedClient):
    """The client of one event loop, with what belongs to it."""

    def __init__(self, allowed: AllowedNetworks, tls: ssl.SSLContext) -> None:
        super().__init__(allowed, tls)
        self.allowed = allowed
        self.variants = Variants(partial(GuardedClient, allowed))
        self.tokens = Tokens()

    async def aclose(self) -> None:
        """Close all connections, those of the variants too."""
        await self.variants.close()
        await super().aclose()

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None = None,
        exc_value: BaseException | None = None,
        traceback: TracebackType | None = None,
    ) -> None:
        """The same; the library's own does not come by `aclose`."""
        await self.variants.close()
        await super().__aexit__(exc_type, exc_value, traceback)


class _GuardedTransport(httpx2.AsyncHTTPTransport):
    """The library's transport over a pool whose network is guarded."""

    def __init__(self, allowed: AllowedNetworks, tls: ssl.SSLContext) -> None:
        super().__init__(verify=tls, http2=True, trust_env=False)
        # The library's own pool takes no backend by way of its transport.
        self._pool = GuardedPool(allowed, tls)
