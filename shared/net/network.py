"""How the nodes of a process reach other systems: over HTTP, or by addresses that were checked."""

from dataclasses import dataclass
from pathlib import Path

from shared.net.addresses import AllowedNetworks
from shared.net.pooled import HttpClient
from shared.net.resolve import checked_addresses


@dataclass(frozen=True, slots=True)
class Network:
    """For one event loop. Everything in it refuses addresses that are neither public nor allowed by a setting."""

    http: HttpClient
    """The pooled client that all share."""
    allowed: AllowedNetworks
    sqlite_dir: Path | None = None
    """The folder below which steps may use SQLite files; None: none at all."""

    async def addresses(self, host: str, port: int) -> list[str]:
        """Where to connect for other protocols than HTTP: to one of these addresses, never to the name.

        Raises NodeError DNS_FAILED, ADDRESS_NOT_ALLOWED. The caller bounds the time.
        """
        return await checked_addresses(self.allowed, host, port)

    async def close(self) -> None:
        """Close the client's connections."""
        await self.http.aclose()
