"""`notify`: a message in Slack's format, and an address that nobody is told."""

import asyncio
import json
import time
from collections.abc import Coroutine
from typing import Any

import pytest

from shared.nodes.base import Done, NodeError
from shared.nodes.catalogue import node_types
from shared.nodes.testing import RecordingContext
from tests import aio
from tests.integration.nodes.secrets import ID, credential, vault
from tests.integration.nodes.web import Request, Web, client, respond, stall, web

NODE = node_types()["notify"]
PATH = "/services/T00SECRET/B00SECRET/XXSECRETXX"


def run(scenario: Coroutine[Any, Any, None]) -> None:
    aio.run(asyncio.wait_for(scenario, 20))


def hook(site: Web, hosts: tuple[str, ...] = (), query: str = "") -> dict[str, Any]:
    return vault(credential("slack.webhook", url=site.url(PATH) + query, hosts=hosts))


async def notify(context: RecordingContext, **params: Any) -> Any:
    done = await NODE.run(context, NODE.parse({"credential": ID} | params))
    assert isinstance(done, Done)
    return done.output


def test_a_message_is_posted() -> None:
    async def scenario() -> None:
        async with web() as site, client() as http:
            site.answers[PATH] = respond(b"ok", content_type="text/html")
            context = RecordingContext(http, credentials=hook(site))
            blocks = [{"type": "section", "text": {"type": "mrkdwn", "text": "*hi*"}}]
            output = await notify(context, text="Hällo", blocks=blocks, username="Bot", iconEmoji=":bell:")
            await notify(context, text="only")
            first, second = (json.loads(seen.body) for seen in site.seen)
            assert first == {"text": "Hällo", "blocks": blocks, "username": "Bot", "icon_emoji": ":bell:"}
            assert second == {"text": "only"}
            assert output["status"] == 200
            assert site.seen[0].headers["content-type"] == "application/json"
            assert context.api_calls == len(context.lines) == 2
            assert "SECRET" not in repr((output, context.lines))

    run(scenario())


async def tell_all(request: Request, writer: asyncio.StreamWriter) -> None:
    """Repeats the address, in parts too."""
    told = f"no hook {request.target} of {request.headers['host']}: {request.target.split('/')[-1]}"
    await respond(told.encode(), "404 Not Found", content_type="text/plain")(request, writer)


@pytest.mark.parametrize("query", ["", "?key=QUERYSECRET"])
def test_the_address_is_in_no_error(query: str) -> None:
    async def scenario() -> None:
        async with web() as site, client() as http:
            site.answers[PATH] = tell_all
            secrets = hook(site, query=query)
            context = RecordingContext(http, credentials=secrets)
            with pytest.raises(NodeError) as caught:
                await notify(context, text="x")
            assert caught.value.code == "HTTP_STATUS"
            assert "SECRET" not in repr((caught.value.message, context.lines, secrets))

    run(scenario())


@pytest.mark.parametrize(
    ("status", "retryable"),
    [("302 Found", False), ("400 Bad", False), ("410 Gone", False), ("429 Slow", True), ("500 Oops", True)],
)
def test_what_is_not_taken_may_be_retried_or_not(status: str, retryable: bool) -> None:
    async def scenario() -> None:
        async with web(y=respond()) as site, client() as http:
            site.answers[PATH] = respond(b"invalid_payload", status, retry_after="30", location="/y")
            with pytest.raises(NodeError, match="invalid_payload") as caught:
                await notify(RecordingContext(http, credentials=hook(site)), text="x")
            assert (caught.value.retryable, caught.value.retry_after_s) == (retryable, 30.0)
            assert len(site.seen) == 1

    run(scenario())


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ({}, "nothing to post"),
        ({"text": " \n"}, "nothing to post"),
        ({"text": "x" * 40_001}, "40,000"),
        ({"text": "x", "blocks": [{}] * 51}, "50"),
        ({"text": "x", "username": "x" * 81}, "80"),
    ],
)
def test_messages_have_limits(given: dict[str, Any], says: str) -> None:
    with pytest.raises(NodeError, match=says) as caught:
        NODE.parse({"credential": ID} | given)
    assert caught.value.code == "INVALID_PARAMS"


def test_blocks_that_no_json_can_hold() -> None:
    async def scenario() -> None:
        async with web() as site, client() as http:
            with pytest.raises(NodeError, match="blocks:"):
                await notify(RecordingContext(http, credentials=hook(site)), text="x", blocks=[{"a": float("nan")}])

    run(scenario())


def test_it_goes_to_its_hosts_and_to_public_addresses_only() -> None:
    async def scenario() -> None:
        async with web() as site:
            for allowed, hosts, code in (
                ("", (), "ADDRESS_NOT_ALLOWED"),
                ("127.0.0.1/32", ("hooks.slack.com",), "HOST_NOT_ALLOWED"),
            ):
                async with client(allowed) as http:
                    with pytest.raises(NodeError) as caught:
                        await notify(RecordingContext(http, credentials=hook(site, hosts)), text="x")
                    assert caught.value.code == code
            assert site.seen == []

    run(scenario())


def test_a_cancel_ends_a_post_that_stalls_within_a_second() -> None:
    async def scenario() -> None:
        async with web() as site, client() as http:
            site.answers[PATH] = stall
            task = asyncio.create_task(notify(RecordingContext(http, credentials=hook(site)), text="x"))
            await site.arrived.wait()
            started = time.monotonic()
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            assert time.monotonic() - started < 1
            with pytest.raises(NodeError) as caught:
                await notify(RecordingContext(http, credentials=hook(site)), text="x", timeoutMs=200)
            assert caught.value.code == "TIMEOUT"

    run(scenario())
