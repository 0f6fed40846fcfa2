"""Free ports on this machine."""

import socket
from pathlib import Path

LOOPBACK = "127.0.0.1"
PUBLIC_TRIES = 100
_chosen: dict[int, Path | None] = {}
"""Ports of servers that may not listen yet, and the files that remember them: a node needs seconds until it listens."""


def is_free(port: int, host: str = LOOPBACK) -> bool:
    """Whether a server could listen on `host`:`port` at this moment."""
    try:
        with listen(host, port):
            return True
    except OSError:
        return False


def free_port() -> int:
    """A port on loopback that nobody listens on and that this process has not chosen before; use it at once."""
    while True:
        with socket.create_server((LOOPBACK, 0)) as probe:
            port = int(probe.getsockname()[1])
        if port not in _chosen:
            _chosen[port] = None
            return port


def remembered_port(file: Path) -> int:
    """The port written in `file` if it is still free and nobody else's, else a free one, which is then written there."""
    try:
        port = int(file.read_text())
    except (OSError, ValueError):
        port = 0
    if not 0 < port <= 65535 or _chosen.get(port, file) != file or not is_free(port):
        port = free_port()
        file.write_text(f"{port}\n")
    _chosen[port] = file
    return port


def listen(host: str, port: int) -> socket.socket:
    """A listening socket. Raises OSError when the port is taken or `host` is not an address of this machine."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    return socket.create_server((host, port), family=family, backlog=1024)


def listen_near(host: str, wanted: int) -> socket.socket:
    """A listening socket on `wanted` or the next free port above it. Raises OSError when a hundred are taken."""
    for port in range(wanted, min(wanted + PUBLIC_TRIES, 65536)):
        try:
            return listen(host, port)
        except OSError as error:
            refusal = error
    raise refusal
