"""Names to addresses that steps may reach: resolved once, every answer checked, so that the connection uses what was checked."""

import asyncio
import socket

from shared.domain.errors import NodeError
from shared.net.addresses import AllowedNetworks

DNS_FAILED = "DNS_FAILED"


async def checked_addresses(allowed: AllowedNetworks, host: str, port: int) -> list[str]:
    """The addresses of a name, in the system's order, each once. Odd number forms (0x7f.1) resolve here too.

    Raises NodeError DNS_FAILED, ADDRESS_NOT_ALLOWED. The caller bounds the time.
    """
    try:
        answers = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (socket.gaierror, UnicodeError):
        answers = []
    if not answers:
        raise NodeError(
            DNS_FAILED, f"The name {host[:253]} cannot be resolved: check its spelling and DNS.", retryable=True
        )
    addresses = list(dict.fromkeys(str(answer[4][0]) for answer in answers))
    allowed.check(host, addresses, port)
    return addresses
