"""The attack list: every way of writing a private address is refused, unless the operator allows that address."""

import socket

import pytest
from httpcore2 import ConnectError

from shared.domain.errors import NodeError
from shared.net.addresses import AllowedNetworks
from shared.net.backend import GuardedBackend
from shared.net.calls import parse_url
from shared.net.resolve import checked_addresses
from tests import aio

PRIVATE = """
127.0.0.1 127.1 127.0.1 127.255.255.254 0 0.0.0.0 0.1.2.3 2130706433 0x7f000001 0x7f.1 0x7f.0.0.1 0177.0.0.1 017700000001
10.0.0.1 10.255.255.255 172.16.0.1 172.31.255.255 192.168.1.1 169.254.169.254 2852039166 0xa9fea9fe 0251.0376.0251.0376
168.63.129.16 100.64.0.1 100.100.100.200 100.127.255.255 192.0.0.192 192.0.2.1 198.18.0.1 198.51.100.1 203.0.113.1
192.88.99.1 224.0.0.1 239.255.255.255 240.0.0.1 255.255.255.255
[::] [::1] [0:0:0:0:0:0:0:1] [::ffff:127.0.0.1] [::ffff:7f00:1] [::ffff:169.254.169.254] [::ffff:8.8.8.8] [::127.0.0.1]
127.0.0.1. 0177.1 0x7f.0x0.0x0.0x1 00000177.0.0.1 127.0x1 0x0 00 0.0 4294967295 0xffffffff 169.254.43518 0xa9.0376.0xa9fe
[::ffff:0:127.0.0.1] [::ffff:0x7f.0.0.1] [0:0:0:0:0:ffff:127.0.0.1] [::7f00:1] [2001:20::1] [2620:4f:8000::1] [5f00::1] [fe80::1%lo]
[64:ff9b::7f00:1] [64:ff9b::169.254.169.254] [64:ff9b:1::1] [2002:7f00:1::] [2002:a9fe:a9fe::1] [2001::1]
[2001:0:7f00:1::] [2001:db8::1] [3fff::1] [fc00::1] [fd00:ec2::254] [fe80::1] [fec0::1] [ff02::1] [100::1] [4000::1]
localhost
"""


async def connect(host: str, port: int = 1, allowed: str = "") -> None:
    await GuardedBackend(AllowedNetworks.parse(allowed)).connect_tcp(host, port, timeout=5)


@pytest.mark.parametrize("host", PRIVATE.split())
def test_private_addresses_are_refused_however_they_are_written(host: str) -> None:
    written = host.strip("[]")
    with pytest.raises(NodeError) as caught:
        aio.run(connect(written))
    assert caught.value.code in ("ADDRESS_NOT_ALLOWED", "DNS_FAILED")
    # Forms that the system does not take for an address never reach one.
    if caught.value.code == "DNS_FAILED":
        with pytest.raises(socket.gaierror):
            socket.getaddrinfo(written, 1)
    else:
        assert "which steps may not reach" in caught.value.message
        assert not caught.value.retryable


@pytest.mark.parametrize(
    "host", ["[fe80::1%25lo]", "127.0.0.1%00.example.com", "a%20b", "exa mple.com", "[::1", "a@b@c@", ""]
)
def test_hosts_that_are_none_are_refused_before_they_are_resolved(host: str) -> None:
    with pytest.raises(NodeError) as caught:
        parse_url(f"http://{host}/")
    assert caught.value.code == "INVALID_URL"


@pytest.mark.parametrize(
    ("text", "host"),
    [
        ("http://example.com\\@127.0.0.1/", "127.0.0.1"),
        ("http://user:word@127.0.0.1/", "127.0.0.1"),
        ("http://①②⑦.⓪.⓪.①/", "127.0.0.1"),
        ("http://127。0。0。1/", "127.0.0.1"),
        ("http://LOCALHOST/", "localhost"),
        ("http://good@127.0.0.1/", "127.0.0.1"),
        ("http://127.0.0.1#@example.com/", "127.0.0.1"),
        ("http://127.0.0.1?@example.com/", "127.0.0.1"),
        ("http://127.0.0.1:80:90/", "127.0.0.1"),
        ("http://127.0.0.1\\@example.com/", "127.0.0.1"),
        ("http://127.0.0.1\\.example.com/", "127.0.0.1"),
        ("http:\\\\127.0.0.1/", "127.0.0.1"),
        ("http:/\\127.0.0.1/", "127.0.0.1"),
        ("http://127.0.0.1\t.example.com/", "127.0.0.1"),
        ("http://127.0.\n0.1/", "127.0.0.1"),
        ("\thttp://127.0.0.1/\n", "127.0.0.1"),
        ("http://１２７.0.0.1/", "127.0.0.1"),
        ("http://١٢٧.0.0.1/", "127.0.0.1"),
        ("http://127．0．0．1/", "127.0.0.1"),
        ("http://loc\u00adalhost/", "localhost"),
        ("http://loc\u200balhost/", "localhost"),
        ("http://ⓛocalhost/", "localhost"),
        ("HTTP://127.0.0.1/", "127.0.0.1"),
    ],
)
def test_disguised_hosts_are_refused_or_seen_as_what_they_are(text: str, host: str) -> None:
    try:
        found = parse_url(text).raw_host.decode()
    except NodeError as error:
        found = error.code
    assert found in (host, "INVALID_URL")


@pytest.mark.parametrize("address", ["8.8.8.8", "1.1.1.1", "172.32.0.1", "100.128.0.1", "2606:4700::1111", "2a00::1"])
def test_public_addresses_pass(address: str) -> None:
    AllowedNetworks().check("host", [address], 443)


def test_one_private_address_among_public_ones_refuses_all() -> None:
    with pytest.raises(NodeError, match=r"10\.0\.0\.1"):
        AllowedNetworks().check("host", ["8.8.8.8", "10.0.0.1"], 443)


@pytest.mark.parametrize(("address", "led"), [("10.0.0.1", True), ("169.254.169.254", False), ("fe80::1", False)])
def test_how_to_allow_an_address_is_said_but_for_those_where_clouds_keep_their_keys(address: str, led: bool) -> None:
    with pytest.raises(NodeError) as caught:
        AllowedNetworks().check("host", [address], 443)
    assert ("FLOWVERSAL_ALLOW_PRIVATE_NETWORKS" in str(caught.value)) is led


@pytest.mark.parametrize(
    ("allowed", "address", "port", "passes"),
    [
        ("10.0.0.0/8", "10.1.2.3", 5, True),
        ("10.0.0.0/8", "192.168.0.1", 5, False),
        ("127.0.0.1/32:8000", "127.0.0.1", 8000, True),
        ("127.0.0.1/32:8000", "127.0.0.1", 8001, False),
        ("127.0.0.1", "127.0.0.1", 1, True),
        ("[fd00::/8]:443, 10.0.0.0/8", "fd00::1", 443, True),
        ("[fd00::/8]:443", "fd00::1", 80, False),
        ("fd00::/8", "fd12::1", 80, True),
        ("127.0.0.0/8", "::ffff:127.0.0.1", 80, False),
        (" , ", "10.0.0.1", 80, False),
    ],
)
def test_what_an_operator_allows(allowed: str, address: str, port: int, passes: bool) -> None:
    networks = AllowedNetworks.parse(allowed)
    if passes:
        networks.check("host", [address], port)
    else:
        with pytest.raises(NodeError):
            networks.check("host", [address], port)


@pytest.mark.parametrize(
    "text", ["10.0.0.1/8", "localhost", "10.0.0.0/33", "10.0.0.0/8:0", "10.0.0.0/8:x", "[fd00::/8", "*"]
)
def test_an_entry_that_cannot_be_read_is_named(text: str) -> None:
    with pytest.raises(ValueError, match="FLOWVERSAL_ALLOW_PRIVATE_NETWORKS"):
        AllowedNetworks.parse(f"10.0.0.0/8,{text}")


def test_an_allowed_address_is_connected_to_by_any_name() -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
        for host in ("127.0.0.1", "0x7f.1", "2130706433"):
            with pytest.raises(ConnectError):
                aio.run(connect(host, port, f"127.0.0.1/32:{port}"))


def test_local_sockets_are_refused() -> None:
    with pytest.raises(NodeError, match="local sockets"):
        aio.run(GuardedBackend(AllowedNetworks()).connect_unix_socket("/run/some.sock"))


@pytest.mark.parametrize(
    ("host", "port"), [("a\x00b", 80), ("x" * 300, 80), ("a..b", 80), ("", 80), ("nothing.invalid", 99_999)]
)
def test_what_no_resolver_takes_is_a_name_that_cannot_be_resolved(host: str, port: int) -> None:
    with pytest.raises(NodeError) as caught:
        aio.run(checked_addresses(AllowedNetworks(), host, port))
    assert caught.value.code in ("DNS_FAILED", "ADDRESS_NOT_ALLOWED")
