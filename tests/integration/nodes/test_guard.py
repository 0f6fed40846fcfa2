"""The guard under `http.request` with names: what they resolve to is the test's, the connections are real."""

import asyncio
import socket
import threading
import time
from collections.abc import Coroutine
from typing import Any

import pytest

from shared.nodes.base import NodeError
from shared.nodes.testing import RecordingContext
from tests import aio
from tests.integration.nodes.web import call, client, refused, respond, web

System = socket.getaddrinfo


class Names:
    """A resolver: each name has a list of answers, one for each time it is asked; the last one stays."""

    def __init__(self, **answers: list[list[str]]) -> None:
        self.answers = {name.replace("__", "-").replace("_", "."): list(found) for name, found in answers.items()}
        self.asked: list[str] = []

    def __call__(self, host: Any, port: Any, *args: Any, **kwargs: Any) -> Any:
        name = host.decode() if isinstance(host, bytes) else host
        if name not in self.answers:
            return System(host, port, *args, **kwargs)
        self.asked.append(name)
        left = self.answers[name]
        addresses = left.pop(0) if len(left) > 1 else left[0]
        return [entry for address in addresses for entry in System(address, port, *args, **kwargs)]


def run(scenario: Coroutine[Any, Any, None]) -> None:
    aio.run(asyncio.wait_for(scenario, 20))


def resolve(monkeypatch: pytest.MonkeyPatch, **answers: list[list[str]]) -> Names:
    names = Names(**answers)
    monkeypatch.setattr(socket, "getaddrinfo", names)
    return names


@pytest.mark.parametrize(
    "address",
    [
        "169.254.169.254",
        "127.0.0.1",
        "10.0.0.7",
        "fd00:ec2::254",
        "::1",
        "::ffff:169.254.169.254",
        "64:ff9b::a9fe:a9fe",
    ],
)
def test_a_name_that_leads_inside_is_refused(monkeypatch: pytest.MonkeyPatch, address: str) -> None:
    async def scenario() -> None:
        resolve(monkeypatch, metadata_google_internal=[[address]])
        error, context = await refused("http://metadata.google.internal/computeMetadata/v1/", allowed="")
        assert (error.code, context.api_calls) == ("ADDRESS_NOT_ALLOWED", 0)

    run(scenario())


@pytest.mark.parametrize(
    "addresses", [["93.184.216.34", "10.0.0.1"], ["10.0.0.1", "93.184.216.34"], ["2a00::1", "::1"]]
)
def test_a_name_with_a_public_and_a_private_address_is_refused(
    monkeypatch: pytest.MonkeyPatch, addresses: list[str]
) -> None:
    async def scenario() -> None:
        resolve(monkeypatch, both_test=[addresses])
        error, context = await refused("http://both.test/", allowed="")
        assert (error.code, context.api_calls) == ("ADDRESS_NOT_ALLOWED", 0)

    run(scenario())


def test_a_name_is_resolved_once_for_the_check_and_the_connection(monkeypatch: pytest.MonkeyPatch) -> None:
    async def scenario() -> None:
        async with web(x=respond(b"ok")) as site:
            # Whoever resolved again would connect to 127.0.0.2, where nobody listens.
            names = resolve(monkeypatch, rebind_test=[["127.0.0.1"], ["127.0.0.2"]])
            async with client(f"127.0.0.1/32:{site.port}") as http:
                context = RecordingContext(http)
                assert (await call(context, url=site.url("/x", "rebind.test")))["body"] == "ok"
                assert names.asked == ["rebind.test"]
                assert site.seen[0].headers["host"] == f"rebind.test:{site.port}"
                # A kept connection is to the address that was checked; a new one is checked anew.
                assert (await call(context, url=site.url("/x", "rebind.test")))["body"] == "ok"
                assert names.asked == ["rebind.test"]
            async with client(f"127.0.0.1/32:{site.port}") as http:
                with pytest.raises(NodeError) as caught:
                    await call(RecordingContext(http), url=site.url("/x", "rebind.test"))
                assert caught.value.code == "ADDRESS_NOT_ALLOWED"

    run(scenario())


def test_a_kept_connection_serves_no_other_name_and_no_other_port(monkeypatch: pytest.MonkeyPatch) -> None:
    async def scenario() -> None:
        async with web(x=respond(b"ok")) as site, client(f"127.0.0.1/32:{site.port}") as http:
            names = resolve(monkeypatch, good_test=[["127.0.0.1"]], bad_test=[["127.0.0.2"]])
            context = RecordingContext(http)
            for _ in range(2):
                assert (await call(context, url=site.url("/x", "good.test")))["body"] == "ok"
                for url in (site.url("/x", "bad.test"), "http://good.test:1/"):
                    with pytest.raises(NodeError) as caught:
                        await call(context, url=url)
                    assert caught.value.code == "ADDRESS_NOT_ALLOWED"
            assert names.asked == ["good.test", "bad.test", "good.test", "bad.test", "good.test"]
            assert len(site.seen) == context.api_calls == 2

    run(scenario())


def test_each_hop_of_a_redirect_is_checked(monkeypatch: pytest.MonkeyPatch) -> None:
    async def scenario() -> None:
        async with web() as site:
            resolve(monkeypatch, a_test=[["127.0.0.1"]], b_test=[["127.0.0.1"]], c_test=[["169.254.169.254"]])
            site.answers["/1"] = respond(status="302 Found", location=site.url("/2", "b.test"))
            site.answers["/2"] = respond(status="302 Found", location="http://c.test/latest/meta-data")
            error, context = await refused(site.url("/1", "a.test"), allowed=f"127.0.0.1/32:{site.port}")
            assert (error.code, context.api_calls) == ("ADDRESS_NOT_ALLOWED", 2)
            assert "169.254.169.254" in error.message

    run(scenario())


@pytest.mark.parametrize(
    "location",
    [
        "http://0/", "http://0x7f.1/", "http://2130706433/", "http://017700000001/", "http://127.1/", "http://[::]/",
        "http://[::ffff:7f00:1]/", "http://good.test@127.0.0.1/", "http://127.0.0.1:80#@good.test/", "//127.0.0.1/",
        "http://169.254.169.254./", "http://LOCALHOST/", "http://localhost./", "http://%31%32%37.0.0.1/",
        "http://127.0.0.1\\@good.test/", "http://good.test\\@127.0.0.1/", "\\\\127.0.0.1\\x", "http:\\\\127.0.0.1\\x",
        "http://127。0。0。1/", "http://①②⑦.0.0.1/", "http://localhost%00.good.test/",
    ],
)  # fmt: skip
def test_a_redirect_in_disguise_never_arrives_inside(location: str) -> None:
    async def scenario() -> None:
        async with web(x=respond(status="302 Found", location=location.encode().decode("latin-1"))) as site:
            error, context = await refused(site.url("/x"), allowed=f"127.0.0.1/32:{site.port}", maxRedirects=1)
            # Some are paths of the same server for us: it answers those with the same redirect.
            assert error.code in ("ADDRESS_NOT_ALLOWED", "INVALID_URL", "DNS_FAILED", "CONNECTION_LOST")
            assert context.api_calls <= 2

    run(scenario())


def test_names_that_nobody_resolves_hold_up_nothing_else(monkeypatch: pytest.MonkeyPatch) -> None:
    ended = threading.Event()
    asked = threading.Semaphore(0)

    def stalls(host: Any, port: Any, *args: Any, **kwargs: Any) -> Any:
        if host != "stalls.test":
            return System(host, port, *args, **kwargs)
        asked.release()
        ended.wait(20)
        raise socket.gaierror

    async def scenario() -> None:
        async with web(x=respond(b"ok")) as site, client() as http:
            tasks = [
                asyncio.create_task(call(RecordingContext(http), url="http://stalls.test/", timeoutMs=20_000))
                for _ in range(60)
            ]
            try:
                assert await asyncio.to_thread(asked.acquire, timeout=10)
                started = time.monotonic()
                assert (await call(RecordingContext(http), url=site.url("/x")))["body"] == "ok"
                assert await asyncio.to_thread(lambda: "ok") == "ok"
                for task in tasks:
                    task.cancel()
                await asyncio.gather(*tasks, return_exceptions=True)
                assert all(task.cancelled() for task in tasks)
                assert time.monotonic() - started < 1
            finally:
                ended.set()

    monkeypatch.setattr(socket, "getaddrinfo", stalls)
    run(scenario())
