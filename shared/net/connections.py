"""The pool of connections under a client: guarded, and used again only where nothing is left over on them."""

import ssl

import httpcore2

from shared.net.addresses import AllowedNetworks
from shared.net.backend import GuardedBackend

IDLE_CONNECTIONS = 64
IDLE_S = 5.0


class GuardedPool(httpcore2.AsyncConnectionPool):
    """HTTP/1.1 and HTTP/2 to public or allowed addresses only."""

    def __init__(self, allowed: AllowedNetworks, tls: ssl.SSLContext) -> None:
        self._tls = tls
        self._guard = GuardedBackend(allowed)
        super().__init__(
            ssl_context=tls,
            max_connections=None,
            max_keepalive_connections=IDLE_CONNECTIONS,
            keepalive_expiry=IDLE_S,
            http1=True,
            http2=True,
            network_backend=self._guard,
        )

    def create_connection(self, origin: httpcore2.Origin) -> httpcore2.AsyncConnectionInterface:
        """One that is not connected yet."""
        return _Connection(
            origin, self._tls, keepalive_expiry=IDLE_S, http1=True, http2=True, network_backend=self._guard
        )


class _Connection(httpcore2.AsyncHTTPConnection):
    def has_expired(self) -> bool:
        """Also if a server has sent more than one answer: the rest would be taken for the answer to another step."""
        # Of HTTP/1.1 only; HTTP/2 numbers its answers.
        protocol = getattr(self._connection, "_h11_state", None)
        return super().has_expired() or bool(protocol is not None and protocol.trailing_data[0])
