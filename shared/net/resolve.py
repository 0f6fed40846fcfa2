"""Names to addresses that steps may reach: resolved once, every answer checked, so that the connection uses what was checked."""

import asyncio
import socket
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from ipaddress import ip_address

from shared.domain.errors import NodeError
from shared.net.addresses import ADDRESS_NOT_ALLOWED, AllowedNetworks

DNS_FAILED = "DNS_FAILED"
ADDRESS_CODES = {
    ADDRESS_NOT_ALLOWED: "The host leads to a private address that the operator has not allowed.",
    DNS_FAILED: "The host's name cannot be resolved.",
}
"""What stops a connection before it begins, whatever the protocol."""
_MOST_LOOKUPS = 32
# Threads of their own: a name server that stalls must not hold up what else runs in threads.
_LOOKUPS = ThreadPoolExecutor(_MOST_LOOKUPS, thread_name_prefix="resolve")


async def checked_addresses(allowed: AllowedNetworks, host: str, port: int) -> list[str]:
    """The addresses of a name, in the system's order, each once. Odd number forms (0x7f.1) resolve here too.

    Raises NodeError DNS_FAILED, ADDRESS_NOT_ALLOWED, and what `allowed.check_host` raises. The caller bounds the time.
    """
    if allowed.check_host is not None:
        allowed.check_host(host)
    addresses = [host] if _is_address(host) else await _resolved(host, port)
    if not addresses:
        raise NodeError(
            DNS_FAILED, f"The name {host[:253]} cannot be resolved: check its spelling and DNS.", retryable=True
        )
    allowed.check(host, addresses, port)
    return addresses


def _is_address(host: str) -> bool:
    """Whether it is one in its usual form, without a zone: nobody need be asked."""
    try:
        ip_address(host)
    except ValueError:
        return False
    return "%" not in host


async def _resolved(host: str, port: int) -> list[str]:
    lookup = partial(socket.getaddrinfo, host, port, type=socket.SOCK_STREAM)
    try:
        answers = await asyncio.get_running_loop().run_in_executor(_LOOKUPS, lookup)
    except (OSError, ValueError, OverflowError):
        return []
    return list(dict.fromkeys(str(answer[4][0]) for answer in answers))
