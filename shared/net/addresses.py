"""Which addresses a node may connect to: public ones, and the private ones that an operator has listed.

The list is written out, because what `ipaddress` calls global differs between Python versions.
Source: the IANA special-purpose address registries for IPv4 and IPv6.
"""

from collections.abc import Callable
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from typing import Self

from shared.domain.errors import NodeError

SETTING = "FLOWVERSAL_ALLOW_PRIVATE_NETWORKS"
ADDRESS_NOT_ALLOWED = "ADDRESS_NOT_ALLOWED"
Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network

_NOT_PUBLIC = {
    "0.0.0.0/8": "this host",
    "10.0.0.0/8": "private",
    "100.64.0.0/10": "carrier-grade NAT",
    "127.0.0.0/8": "loopback",
    "168.63.129.16/32": "cloud metadata",
    "169.254.0.0/16": "link-local and cloud metadata",
    "172.16.0.0/12": "private",
    "192.0.0.0/24": "protocol assignments",
    "192.0.2.0/24": "documentation",
    "192.31.196.0/24": "AS112",
    "192.52.193.0/24": "AMT",
    "192.88.99.0/24": "6to4 relay",
    "192.168.0.0/16": "private",
    "192.175.48.0/24": "AS112",
    "198.18.0.0/15": "benchmarking",
    "198.51.100.0/24": "documentation",
    "203.0.113.0/24": "documentation",
    "224.0.0.0/4": "multicast",
    "240.0.0.0/4": "reserved and broadcast",
    "::/128": "unspecified",
    "::1/128": "loopback",
    "::ffff:0:0/96": "IPv4-mapped",
    "64:ff9b::/96": "NAT64",
    "64:ff9b:1::/48": "local NAT64",
    "2001::/23": "Teredo and protocol assignments",
    "2001:db8::/32": "documentation",
    "2002::/16": "6to4",
    "2620:4f:8000::/48": "AS112",
    "3fff::/20": "documentation",
    "fc00::/7": "unique local",
    "fe80::/10": "link-local",
    "fec0::/10": "site-local",
    "ff00::/8": "multicast",
}
_BLOCKED = [(ip_network(text), what) for text, what in _NOT_PUBLIC.items()]
_IPV6_GLOBAL = ip_network("2000::/3")


def why_not_public(address: Address) -> str | None:
    """What makes `address` not public, in a few words; None if it is public."""
    for network, what in _BLOCKED:
        if address in network:
            return what
    return "not a global address" if address.version == 6 and address not in _IPV6_GLOBAL else None


@dataclass(frozen=True, slots=True)
class AllowedNetworks:
    """Ranges that may be reached although they are not public; each with a port, or with None for all ports."""

    entries: tuple[tuple[Network, int | None], ...] = ()
    check_host: Callable[[str], None] | None = None
    """Asked for each name or address before it is resolved; raises NodeError for one that is not to be reached."""

    @classmethod
    def parse(cls, text: str) -> Self:
        """From `10.0.0.0/8, 127.0.0.1/32:8000, [fd00::/8]:443`. Raises ValueError that names the entry."""
        return cls(tuple(_parse_entry(part.strip()) for part in text.split(",") if part.strip()))

    def allow(self, address: Address, port: int) -> bool:
        """Whether an entry covers this address and port."""
        return any(address in network and wanted in (None, port) for network, wanted in self.entries)

    def check(self, host: str, found: list[str], port: int) -> None:
        """Raises NodeError ADDRESS_NOT_ALLOWED if any address of `host` is neither public nor allowed.

        One bad address refuses all: a name with a public and a private address is how rebinding attacks begin.
        """
        for text in found:
            address = _plain(text)
            why = why_not_public(address)
            if why is not None and not self.allow(address, port):
                raise _refused(host, address, why)


def _refused(host: str, address: Address, why: str) -> NodeError:
    said = f"{host} leads to {address} ({why}), which steps may not reach."
    # Clouds give out their keys at such addresses: nobody is led there.
    if not (getattr(address, "ipv4_mapped", None) or address).is_link_local:
        said += f" An operator can allow it in {SETTING}, for example {address}/{address.max_prefixlen}."
    return NodeError(ADDRESS_NOT_ALLOWED, said)


def _plain(text: str) -> Address:
    """The address without its zone (`fe80::1%eth0`)."""
    return ip_address(text.partition("%")[0])


def _port(text: str) -> int:
    number = int(text)
    if not 0 < number < 65_536:
        raise ValueError("the port must be from 1 to 65535")
    return number


def _parse_entry(text: str) -> tuple[Network, int | None]:
    network, port = text, ""
    if text.startswith("["):
        network, closed, port = text[1:].partition("]")
        port = port.removeprefix(":") if closed else "?"
    elif "." in text:
        network, _, port = text.partition(":")
    try:
        return ip_network(network), _port(port) if port else None
    except ValueError as error:
        raise ValueError(
            f"{SETTING}: {text!r} is not a range such as 10.0.0.0/8, 127.0.0.1/32:8000 or [fd00::/8]:443 ({error})"
        ) from None
