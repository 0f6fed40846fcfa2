"""Makes the HTTP client and the network that all nodes of a process share."""

import logging
import ssl
from collections.abc import Callable
from dataclasses import replace

from shared.net.addresses import AllowedNetworks
from shared.net.certificates import tls_context
from shared.net.network import Network
from shared.net.pooled import HttpClient
from shared.settings import Settings


def make_client(
    settings: Settings, tls: ssl.SSLContext | None = None, check_host: Callable[[str], None] | None = None
) -> HttpClient:
    """One pooled client for one event loop: HTTP/2, no proxies or secrets from the environment, no cookies kept.

    It refuses addresses that are neither public nor in `settings.allow_private_networks` (NodeError
    ADDRESS_NOT_ALLOWED), and follows no redirects by itself. Callers bound their own total time. `tls` replaces the
    trusted certificates, else the system's or those of SSL_CERT_FILE; `check_host` refuses hosts. Raises ValueError if the setting cannot be read.
    """
    # The libraries log every URL at level INFO, secrets in queries included.
    for name in ("httpx2", "httpcore2"):
        logging.getLogger(name).setLevel(logging.WARNING)
    allowed = replace(AllowedNetworks.parse(settings.allow_private_networks), check_host=check_host)
    return HttpClient(allowed, tls or tls_context())


def make_network(
    settings: Settings, tls: ssl.SSLContext | None = None, check_host: Callable[[str], None] | None = None
) -> Network:
    """The network that the settings allow; `tls` and `check_host` as for `make_client`, and with the same errors."""
    client = make_client(settings, tls, check_host)
    return Network(client, client.allowed, settings.sqlite_dir)
