"""The HTTP client that all nodes of a process share."""

import logging
import ssl
from http.cookiejar import DefaultCookiePolicy

import httpcore2
import httpx2

from shared.net.addresses import AllowedNetworks
from shared.net.backend import GuardedBackend
from shared.net.network import Network
from shared.settings import Settings

USER_AGENT = "Flowversal/0.1"
CONNECT_TIMEOUT_S = 10.0
_IDLE_CONNECTIONS = 64
_IDLE_S = 5.0


def make_client(settings: Settings, tls: ssl.SSLContext | None = None) -> httpx2.AsyncClient:
    """One pooled client for one event loop: HTTP/2, no proxies or secrets from the environment, no cookies kept.

    It refuses addresses that are neither public nor in `settings.allow_private_networks` (NodeError
    ADDRESS_NOT_ALLOWED), and follows no redirects by itself. Callers bound their own total time. `tls` replaces the
    trusted certificates, else the system's or those of SSL_CERT_FILE. Raises ValueError if the setting cannot be read.
    """
    # The libraries log every URL at level INFO, secrets in queries included.
    for name in ("httpx2", "httpcore2"):
        logging.getLogger(name).setLevel(logging.WARNING)
    client = httpx2.AsyncClient(
        transport=_GuardedTransport(
            AllowedNetworks.parse(settings.allow_private_networks), tls or httpx2.create_ssl_context()
        ),
        timeout=httpx2.Timeout(None, connect=CONNECT_TIMEOUT_S),
        headers={"User-Agent": USER_AGENT, "Accept": "*/*", "Accept-Encoding": "gzip, deflate"},
        follow_redirects=False,
        trust_env=False,
    )
    # The client is shared by every workflow: a cookie of one must never reach another.
    client.cookies.jar.set_policy(DefaultCookiePolicy(allowed_domains=[]))
    return client


def make_network(settings: Settings, tls: ssl.SSLContext | None = None) -> Network:
    """The network that the settings allow; `tls` as for `make_client`. Raises ValueError if the setting cannot be read."""
    allowed = AllowedNetworks.parse(settings.allow_private_networks)
    return Network(make_client(settings, tls), allowed, settings.sqlite_dir)


class _GuardedTransport(httpx2.AsyncHTTPTransport):
    """The library's transport over a pool whose network is guarded."""

    def __init__(self, allowed: AllowedNetworks, tls: ssl.SSLContext) -> None:
        super().__init__(verify=tls, http2=True, trust_env=False)
        # The pool takes a backend, the transport around it does not pass one on.
        self._pool = httpcore2.AsyncConnectionPool(
            ssl_context=tls,
            max_connections=None,
            max_keepalive_connections=_IDLE_CONNECTIONS,
            keepalive_expiry=_IDLE_S,
            http1=True,
            http2=True,
            network_backend=GuardedBackend(allowed),
        )
