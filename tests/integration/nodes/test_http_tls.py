"""`http.request` with certificates of its own: what is trusted, what is shown to whom, and how many clients are kept."""

import asyncio
import ssl
from collections.abc import Coroutine
from pathlib import Path
from typing import Any

import pytest

from shared.net.client import make_client
from shared.net.tls import Tls
from shared.nodes.base import NodeError
from shared.nodes.testing import RecordingContext
from shared.settings import Settings
from tests import aio
from tests.integration.nodes.certificates import certificate, self_signed
from tests.integration.nodes.secrets import OTHER, credential, vault
from tests.integration.nodes.web import call, client, respond, web

LOCAL = "127.0.0.0/8,::1/128"


def run(scenario: Coroutine[Any, Any, None]) -> None:
    aio.run(asyncio.wait_for(scenario, 20))


def asks_for(server: ssl.SSLContext, certificate: str) -> None:
    """The server takes clients with this certificate only."""
    server.verify_mode = ssl.CERT_REQUIRED
    server.load_verify_locations(cadata=certificate)


def test_a_server_with_a_certificate_of_its_own_is_trusted_where_that_is_given(tmp_path: Path) -> None:
    async def scenario() -> None:
        server, file = certificate(tmp_path, "localhost")
        async with web(server, x=respond(b"ok")) as site, client(LOCAL) as http:
            url, ca = site.url("/x", "localhost", "https"), file.read_text()
            for _ in range(3):
                assert (await call(RecordingContext(http), url=url, caCertificate=ca))["body"] == "ok"
            with pytest.raises(NodeError, match="not trusted"):
                await call(RecordingContext(http), url=url)
            assert len(site.seen) == 3
            assert not site.closed.is_set()

    run(scenario())


def test_the_name_is_checked_all_the_same(tmp_path: Path) -> None:
    async def scenario() -> None:
        server, file = certificate(tmp_path, "other.test")
        async with web(server, x=respond(b"ok")) as site, client(LOCAL) as http:
            with pytest.raises(NodeError, match="mismatch") as caught:
                url = site.url("/x", "localhost", "https")
                await call(RecordingContext(http), url=url, caCertificate=file.read_text())
            assert (caught.value.code, site.seen) == ("TLS_FAILED", [])

    run(scenario())


@pytest.mark.parametrize("passphrase", [None, "s3cret-word"])
def test_a_client_certificate_is_shown(tmp_path: Path, passphrase: str | None) -> None:
    async def scenario() -> None:
        server, file = certificate(tmp_path, "localhost")
        key, shown = self_signed("client", passphrase=passphrase)
        asks_for(server, shown)
        secret = credential("tls.client", id=OTHER, certificate=shown, key=key, passphrase=passphrase)
        async with web(server, x=respond(b"ok")) as site, client(LOCAL) as http:
            given = {"url": site.url("/x", "localhost", "https"), "caCertificate": file.read_text()}
            context = RecordingContext(http, credentials=vault(secret))
            assert (await call(context, **given, clientCertificate=OTHER))["body"] == "ok"
            with pytest.raises(NodeError) as caught:
                await call(RecordingContext(http), **given)
            assert caught.value.code in ("TLS_FAILED", "CONNECTION_LOST")
            assert len(site.seen) == 1

    run(scenario())


def test_a_redirect_to_another_origin_is_not_shown_it(tmp_path: Path) -> None:
    async def scenario() -> None:
        server, file = certificate(tmp_path, "localhost")
        key, shown = self_signed("client")
        second = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        second.load_cert_chain(file)
        asks_for(second, shown)
        secret = credential("tls.client", id=OTHER, certificate=shown, key=key)
        async with web(second, end=respond(b"end")) as other, client(LOCAL) as http:
            there = other.url("/end", "localhost", "https")
            async with web(server, x=respond(status="302 Found", location=there)) as site:
                context = RecordingContext(http, credentials=vault(secret))
                with pytest.raises(NodeError) as caught:
                    url = site.url("/x", "localhost", "https")
                    await call(context, url=url, caCertificate=file.read_text(), clientCertificate=OTHER)
                assert caught.value.code in ("TLS_FAILED", "CONNECTION_LOST")
                assert (len(site.seen), other.seen) == (1, [])

    run(scenario())


def test_it_is_shown_to_its_hosts_only() -> None:
    async def scenario() -> None:
        key, shown = self_signed("client")
        secret = credential("tls.client", id=OTHER, certificate=shown, key=key, hosts=("api.example.com",))
        async with web(x=respond()) as site, client(LOCAL) as http:
            context = RecordingContext(http, credentials=vault(secret))
            with pytest.raises(NodeError) as caught:
                await call(context, url=site.url("/x"), clientCertificate=OTHER)
            assert (caught.value.code, context.api_calls) == ("HOST_NOT_ALLOWED", 0)

    run(scenario())


KEY, CERTIFICATE = self_signed("client")
LOCKED, LOCKED_CERTIFICATE = self_signed("client", passphrase="s3cret-word")


@pytest.mark.parametrize(
    "tls",
    [
        Tls("-----BEGIN CERTIFICATE-----\nnonsense\n-----END CERTIFICATE-----"),
        Tls(None, CERTIFICATE, self_signed("client")[0]),
        Tls(None, CERTIFICATE, "no key"),
        Tls(None, "no certificate", KEY),
        Tls(None, LOCKED_CERTIFICATE, LOCKED),
        Tls(None, LOCKED_CERTIFICATE, LOCKED, "wrong-s3cret"),
    ],
)
def test_certificates_that_cannot_be_used_say_what_is_needed(tls: Tls) -> None:
    with pytest.raises(NodeError) as caught:
        tls.context()
    assert caught.value.code == "INVALID_CERTIFICATE"
    assert "PEM text" in caught.value.message
    assert "s3cret" not in caught.value.message


def test_a_private_address_is_refused_with_any_certificate(tmp_path: Path) -> None:
    async def scenario() -> None:
        server, file = certificate(tmp_path, "localhost")
        async with web(server, x=respond()) as site, client("127.0.0.2/32") as http:
            context = RecordingContext(http)
            with pytest.raises(NodeError) as caught:
                url = site.url("/x", "localhost", "https")
                await call(context, url=url, caCertificate=file.read_text())
            assert caught.value.code == "ADDRESS_NOT_ALLOWED"

    run(scenario())


def test_only_a_few_clients_are_kept_and_one_in_use_is_closed_after_its_use() -> None:
    async def scenario() -> None:
        async with make_client(Settings()) as http:
            variants = http.variants
            options = [Tls(self_signed(str(number))[1]) for number in range(20)]
            async with variants.lend(options[0]) as first:
                seen = []
                for tls in options[1:]:
                    async with variants.lend(tls) as kept:
                        seen.append(kept)
                assert not first.is_closed
                assert [each.is_closed for each in seen] == [True] * 3 + [False] * 16
                async with variants.lend(options[0]) as anew:
                    assert anew is not first
            assert first.is_closed
            assert not anew.is_closed
        assert anew.is_closed
        assert all(each.is_closed for each in seen)

    run(scenario())


def test_those_who_come_together_share_a_client() -> None:
    async def scenario() -> None:
        async with make_client(Settings()) as http:
            tls = Tls(CERTIFICATE)

            async def lend() -> int:
                async with http.variants.lend(tls) as found:
                    return id(found)

            assert len(set(await asyncio.gather(*[lend() for _ in range(10)]))) == 1

    run(scenario())
