"""Whether the message broker can be reached from here, for pages and for readiness: Postgres has the truth, so it is told,
never waited for.
"""

import socket
from threading import Lock
from time import monotonic
from urllib.parse import urlsplit

from flask import Flask, current_app

TIMEOUT_S = 0.5
LOOK_EVERY_S = 2.0
_PORTS = {"amqp": 5672, "amqps": 5671, "redis": 6379, "rediss": 6379}
_EXTENSION = "flowversal-broker"


def listens(urls: str) -> bool:
    """Whether somebody listens at one of the addresses (`;` separates several); asks each for half a second at most."""
    return any(_listens_at(url) for url in urls.split(";") if url)


class BrokerProbe:
    """Remembers for two seconds whether the broker listens; meanwhile nobody waits for an answer of it."""

    def __init__(self, broker_url: str) -> None:
        self._broker_url = broker_url
        self._asking = Lock()
        self._listens = True
        self._asked_at = float("-inf")

    def away(self) -> bool:
        """Whether nobody listened when it was asked last."""
        if monotonic() - self._asked_at >= LOOK_EVERY_S and self._asking.acquire(blocking=False):
            try:
                self._listens = listens(self._broker_url)
                self._asked_at = monotonic()
            finally:
                self._asking.release()
        return not self._listens


def install_broker_probe(app: Flask, broker_url: str) -> None:
    """Give the application its probe. Connects to nothing yet."""
    app.extensions[_EXTENSION] = BrokerProbe(broker_url)


def broker_away() -> bool:
    """Whether the current application's broker cannot be reached."""
    found = current_app.extensions[_EXTENSION]
    assert isinstance(found, BrokerProbe)  # noqa: S101 - install_broker_probe put it there
    return found.away()


def _listens_at(url: str) -> bool:
    try:
        parts = urlsplit(url)
        if parts.scheme == "unix" or parts.hostname is None:
            return _socket_listens(parts.path)
        with socket.create_connection((parts.hostname, parts.port or _PORTS.get(parts.scheme, 5672)), TIMEOUT_S):
            return True
    except (OSError, ValueError):
        # Also what is no address: no page fails for it.
        return False


def _socket_listens(path: str) -> bool:
    with socket.socket(socket.AF_UNIX) as probe:
        probe.settimeout(TIMEOUT_S)
        probe.connect(path)
    return True
