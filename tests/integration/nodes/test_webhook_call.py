"""`webhook.call`: signed so that the receiver can check it, delivered by 2xx only, canceled at once."""

import asyncio
import base64
import hashlib
import hmac
import json
import time
from collections.abc import Coroutine
from dataclasses import dataclass
from typing import Any

import pytest
from pydantic import SecretStr

from shared.credentials.base import Credential
from shared.nodes.base import Done, NodeError
from shared.nodes.catalogue import node_types
from shared.nodes.testing import RecordingContext
from tests import aio
from tests.integration.nodes.secrets import ID, vault
from tests.integration.nodes.web import Answer, client, raw, respond, stall, web

NODE = node_types()["webhook.call"]


@dataclass(frozen=True)
class Hmac:
    secret: SecretStr


def run(scenario: Coroutine[Any, Any, None]) -> None:
    aio.run(asyncio.wait_for(scenario, 20))


def signed(secret: str, hosts: tuple[str, ...] = ()) -> dict[str, Credential]:
    return vault(Credential(ID, "hmac", Hmac(SecretStr(secret)), hosts))


async def deliver(context: RecordingContext, **params: Any) -> Any:
    done = await NODE.run(context, NODE.parse(params))
    assert isinstance(done, Done)
    return done.output


@pytest.mark.parametrize(
    ("secret", "key"), [("s3cret-text", b"s3cret-text"), ("whsec_" + base64.b64encode(b"k" * 24).decode(), b"k" * 24)]
)
def test_the_receiver_can_check_who_sent_it(secret: str, key: bytes) -> None:
    async def scenario() -> None:
        async with web(x=respond(b'{"ok": true}', content_type="application/json")) as site, client() as http:
            context = RecordingContext(http, credentials=signed(secret))
            headers = {"X-More": 1, "Webhook-Id": "mine", "webhook-signature": "mine"}
            output = await deliver(context, url=site.url("/x"), credential=ID, body={"n": "ü"}, headers=headers)
            (seen,) = site.seen
            id, at, signature = (seen.headers[f"webhook-{name}"] for name in ("id", "timestamp", "signature"))
            content = b".".join([id.encode(), at.encode(), seen.body])
            expected = base64.b64encode(hmac.new(key, content, hashlib.sha256).digest()).decode()
            assert signature == f"v1,{expected}"
            assert id == output["webhookId"] == context.idempotency_key
            assert abs(int(at) - time.time()) < 60
            assert json.loads(seen.body) == {"n": "ü"}
            assert (seen.method, seen.headers["content-type"], seen.headers["x-more"]) == (
                "POST",
                "application/json",
                "1",
            )
            assert (output["status"], output["body"], context.api_calls) == (200, {"ok": True}, 1)
            assert "s3cret" not in repr((output, context.lines))

    run(scenario())


@pytest.mark.parametrize("method", ["POST", "put", "PATCH"])
def test_without_a_secret_it_is_not_signed(method: str) -> None:
    async def scenario() -> None:
        async with web(x=respond(status="204 No Content")) as site, client() as http:
            output = await deliver(RecordingContext(http), url=site.url("/x"), method=method, body=[1])
            assert (site.seen[0].method, site.seen[0].body) == (method.upper(), b"[1]")
            assert "webhook-signature" not in site.seen[0].headers
            assert output["body"] is None

    run(scenario())


@pytest.mark.parametrize(
    ("status", "retryable"),
    [(301, False), (302, False), (304, False), (400, False), (404, False), (410, False), (408, True), (429, True), (503, True)],
)  # fmt: skip
def test_only_2xx_is_delivered(status: int, retryable: bool) -> None:
    async def scenario() -> None:
        answer = raw(f"HTTP/1.1 {status} X\ncontent-length: 0\nlocation: /y\nretry-after: 11")
        async with web(x=answer, y=respond()) as site, client() as http:
            context = RecordingContext(http, credentials=signed("s3cret-text"))
            with pytest.raises(NodeError) as caught:
                await deliver(context, url=site.url("/x"), credential=ID, body=1)
            error = caught.value
            assert (error.code, error.retryable, error.retry_after_s) == ("HTTP_STATUS", retryable, 11.0)
            assert len(site.seen) == context.api_calls == 1

    run(scenario())


def test_a_host_that_the_secret_is_not_for() -> None:
    async def scenario() -> None:
        async with web(x=respond()) as site, client() as http:
            context = RecordingContext(http, credentials=signed("s3cret", ("hooks.example.com",)))
            with pytest.raises(NodeError) as caught:
                await deliver(context, url=site.url("/x"), credential=ID)
            assert (caught.value.code, site.seen) == ("HOST_NOT_ALLOWED", [])
            assert "s3cret" not in caught.value.message

    run(scenario())


@pytest.mark.parametrize(("url", "code"), [("ftp://x/", "INVALID_URL"), ("http://10.0.0.1/", "ADDRESS_NOT_ALLOWED")])
def test_an_address_that_cannot_be_called(url: str, code: str) -> None:
    async def scenario() -> None:
        async with client() as http:
            with pytest.raises(NodeError) as caught:
                await deliver(RecordingContext(http), url=url)
            assert caught.value.code == code

    run(scenario())


def test_a_body_that_is_no_json() -> None:
    async def scenario() -> None:
        with pytest.raises(NodeError, match="body:"):
            await deliver(RecordingContext(), url="http://example.com/", body=float("nan"))

    run(scenario())


async def endless(_: Any, writer: asyncio.StreamWriter) -> None:
    writer.write(b"HTTP/1.1 200 OK\r\n\r\n")
    while True:
        writer.write(b"x" * 65_536)
        await writer.drain()


@pytest.mark.parametrize(("answer", "code"), [(stall, "TIMEOUT"), (endless, "RESPONSE_TOO_LARGE")])
def test_time_and_size_are_bounded(answer: Answer, code: str) -> None:
    async def scenario() -> None:
        async with web(x=answer) as site, client() as http:
            with pytest.raises(NodeError) as caught:
                await deliver(RecordingContext(http), url=site.url("/x"), timeoutMs=300 if answer is stall else 20_000)
            assert caught.value.code == code

    run(scenario())


def test_a_cancel_ends_a_delivery_that_stalls_within_a_second() -> None:
    async def scenario() -> None:
        async with web(x=stall) as site, client() as http:
            task = asyncio.create_task(deliver(RecordingContext(http), url=site.url("/x")))
            await site.arrived.wait()
            started = time.monotonic()
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            assert time.monotonic() - started < 1

    run(scenario())
