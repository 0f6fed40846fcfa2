"""OAuth 2.0 client credentials: tokens are asked for, kept, renewed, and not told."""

import asyncio
import base64
import json
import time
from collections.abc import Coroutine
from typing import Any
from urllib.parse import parse_qs

import pytest

from shared.nodes.base import NodeError
from shared.nodes.testing import RecordingContext
from tests import aio
from tests.integration.nodes.secrets import ID, credential, vault
from tests.integration.nodes.web import Answer, Request, Web, call, client, respond, stall, web


def run(scenario: Coroutine[Any, Any, None]) -> None:
    aio.run(asyncio.wait_for(scenario, 20))


class Issuer:
    """Gives `token-1`, `token-2`, …; `good` is the one that the API takes."""

    def __init__(self, **more: Any) -> None:
        self.given = 0
        self.good: set[str] = set()
        self.more = {"token_type": "Bearer", "expires_in": 3600} | more

    async def token(self, request: Request, writer: asyncio.StreamWriter) -> None:
        self.given += 1
        self.good.add(f"token-{self.given}")
        body = json.dumps({"access_token": f"token-{self.given}"} | self.more).encode()
        await respond(body, content_type="application/json")(request, writer)

    async def api(self, request: Request, writer: asyncio.StreamWriter) -> None:
        good = request.headers.get("authorization", "").removeprefix("Bearer ") in self.good
        await respond(b"in" if good else b"out", "200 OK" if good else "401 Unauthorized")(request, writer)


def oauth(site: Web, path: str = "/token", **fields: Any) -> dict[str, Any]:
    return vault(
        credential("oauth2.client", tokenUrl=site.url(path), clientId="me & co", clientSecret="s3cret/+", **fields)
    )


def test_the_token_is_asked_for_once_and_sent_with_every_request() -> None:
    async def scenario() -> None:
        issuer = Issuer()
        async with web(token=issuer.token, api=issuer.api) as site, client() as http:
            for number in range(3):
                context = RecordingContext(http, credentials=oauth(site, scope="a b", audience="x"))
                assert (await call(context, url=site.url("/api"), credential=ID))["body"] == "in"
                assert context.api_calls == len(context.lines) == (2 if number == 0 else 1)
                assert context.secrets == ["token-1"]
            asked = site.seen[0]
            assert parse_qs(asked.body.decode()) == {
                "grant_type": ["client_credentials"],
                "scope": ["a b"],
                "audience": ["x"],
            }
            assert base64.b64decode(asked.headers["authorization"][6:]) == b"me+%26+co:s3cret%2F%2B"
            assert issuer.given == 1

    run(scenario())


def test_the_secret_goes_to_the_hosts_of_the_credential_only() -> None:
    async def scenario() -> None:
        issuer = Issuer()
        async with web(token=issuer.token) as other, web(api=issuer.api) as site, client() as http:
            url = other.url("/token").replace("127.0.0.1", "localhost")
            fields = {"tokenUrl": url, "clientId": "me", "clientSecret": "s3cret"}
            bound = vault(credential("oauth2.client", hosts=("127.0.0.1",), **fields))
            with pytest.raises(NodeError, match="localhost") as caught:
                await call(RecordingContext(http, credentials=bound), url=site.url("/api"), credential=ID)
            assert (caught.value.code, other.seen, site.seen) == ("HOST_NOT_ALLOWED", [], [])

    run(scenario())


def test_a_user_in_the_token_url_does_not_take_the_place_of_the_client() -> None:
    async def scenario() -> None:
        issuer = Issuer()
        async with web(token=issuer.token, api=issuer.api) as site, client() as http:
            url = site.url("/token").replace("//", "//other:word@")
            secret = credential("oauth2.client", tokenUrl=url, clientId="me", clientSecret="s3cret")
            await call(RecordingContext(http, credentials=vault(secret)), url=site.url("/api"), credential=ID)
            assert base64.b64decode(site.seen[0].headers["authorization"][6:]) == b"me:s3cret"

    run(scenario())


def test_id_and_secret_may_be_fields_of_the_form_with_others() -> None:
    async def scenario() -> None:
        issuer = Issuer()
        async with web(token=issuer.token, api=issuer.api) as site, client() as http:
            secrets = oauth(site, authentication="body", parameters={"resource": "r"})
            await call(RecordingContext(http, credentials=secrets), url=site.url("/api"), credential=ID)
            form = parse_qs(site.seen[0].body.decode())
            assert (form["client_id"], form["client_secret"], form["resource"]) == (["me & co"], ["s3cret/+"], ["r"])
            assert "authorization" not in site.seen[0].headers

    run(scenario())


def test_fifty_steps_at_once_ask_for_one_token() -> None:
    async def scenario() -> None:
        issuer = Issuer()
        async with web(token=issuer.token, api=issuer.api) as site, client() as http:
            contexts = [RecordingContext(http, credentials=oauth(site)) for _ in range(50)]
            outputs = await asyncio.gather(
                *[call(context, url=site.url("/api"), credential=ID) for context in contexts]
            )
            assert {output["body"] for output in outputs} == {"in"}
            assert issuer.given == 1
            assert sum(context.api_calls for context in contexts) == 51

    run(scenario())


@pytest.mark.parametrize("fail", [True, False])
def test_a_kept_token_that_is_refused_is_replaced_once(fail: bool) -> None:
    async def scenario() -> None:
        issuer = Issuer()
        async with web(token=issuer.token, api=issuer.api) as site, client() as http:
            secrets = oauth(site)
            ask = {"url": site.url("/api"), "credential": ID, "failOnStatus": fail, "method": "POST", "body": {"a": 1}}
            await call(RecordingContext(http, credentials=secrets), **ask)
            issuer.good.clear()
            context = RecordingContext(http, credentials=secrets)
            assert (await call(context, **ask))["body"] == "in"
            assert (issuer.given, context.api_calls) == (2, 3)
            assert [seen.body for seen in site.seen if seen.target == "/api"] == [b'{"a":1}'] * 3

    run(scenario())


def test_a_new_token_that_is_refused_is_an_error() -> None:
    async def scenario() -> None:
        issuer = Issuer()
        async with web(token=issuer.token, api=respond(b"no", "401 Unauthorized")) as site, client() as http:
            context = RecordingContext(http, credentials=oauth(site))
            with pytest.raises(NodeError, match="HTTP 401") as caught:
                await call(context, url=site.url("/api"), credential=ID)
            assert (caught.value.retryable, context.api_calls, issuer.given) == (False, 2, 1)
            # Kept by now, so that one more is asked for, and no third.
            with pytest.raises(NodeError, match="HTTP 401"):
                await call(context, url=site.url("/api"), credential=ID)
            assert (context.api_calls, issuer.given) == (5, 2)

    run(scenario())


def test_a_401_of_another_origin_asks_for_no_token() -> None:
    async def scenario() -> None:
        issuer = Issuer()
        async with web(end=respond(b"no", "401 Unauthorized")) as other:
            async with web(token=issuer.token, api=respond(status="302 F", location=other.url("/end"))) as site:
                async with client() as http:
                    context = RecordingContext(http, credentials=oauth(site))
                    for _ in range(2):
                        with pytest.raises(NodeError, match="HTTP 401"):
                            await call(context, url=site.url("/api"), credential=ID)
            assert issuer.given == 1
            assert all("authorization" not in seen.headers for seen in other.seen)

    run(scenario())


def test_other_fields_mean_another_token() -> None:
    async def scenario() -> None:
        issuer = Issuer()
        async with web(token=issuer.token, api=issuer.api) as site, client() as http:
            for scope in ("a", "b", "a"):
                context = RecordingContext(http, credentials=oauth(site, scope=scope))
                await call(context, url=site.url("/api"), credential=ID)
            assert issuer.given == 2

    run(scenario())


async def told_all(request: Request, writer: asyncio.StreamWriter) -> None:
    """Repeats what it was sent."""
    told = json.dumps({"error": "invalid_client", "sent": f"{request.headers} {request.body.decode()}"}).encode()
    await respond(told, "401 Unauthorized", content_type="application/json")(request, writer)


@pytest.mark.parametrize(
    ("answer", "retryable", "says"),
    [
        (told_all, False, "invalid_client"),
        (respond(b"busy", "503 Busy", retry_after="9"), True, "HTTP 503"),
        (respond(b"<html>", content_type="text/html"), False, "not a JSON object"),
        (respond(b"[1]"), False, "not a JSON object"),
        (respond(b'{"access_token": ""}'), False, "no usable"),
        (respond(b'{"access_token": "a\\r\\nb"}'), False, "no usable"),
        (respond(b'{"access_token": "a", "token_type": "mac"}'), False, "not Bearer"),
        (respond(status="302 Found", location="/elsewhere"), False, "HTTP 302"),
    ],
)
@pytest.mark.parametrize("authentication", ["header", "body"])
def test_no_token_says_why_and_no_secret(answer: Answer, retryable: bool, says: str, authentication: str) -> None:
    async def scenario() -> None:
        async with web(token=answer, api=respond(b"in")) as site, client() as http:
            context = RecordingContext(http, credentials=oauth(site, authentication=authentication))
            with pytest.raises(NodeError) as caught:
                await call(context, url=site.url("/api"), credential=ID)
            error = caught.value
            assert (error.code, error.retryable) == ("TOKEN_FAILED", retryable)
            assert error.retry_after_s == (9.0 if retryable else None)
            assert says in error.message
            told = error.message + repr(context.lines)
            assert not [
                part for part in ("s3cret", base64.b64encode(b"me+%26+co:s3cret%2F%2B").decode()) if part in told
            ]
            assert [seen.target for seen in site.seen] == ["/token"]

    run(scenario())


async def endless(_: Request, writer: asyncio.StreamWriter) -> None:
    writer.write(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n")
    while True:
        writer.write(b"10000\r\n" + b" " * 0x10000 + b"\r\n")
        await writer.drain()


def test_a_token_that_never_ends_is_not_read() -> None:
    async def scenario() -> None:
        async with web(token=endless) as site, client() as http:
            context = RecordingContext(http, credentials=oauth(site))
            with pytest.raises(NodeError, match="larger than 100,000 bytes"):
                await call(context, url=site.url("/api"), credential=ID)

    run(scenario())


@pytest.mark.parametrize(("allowed", "code"), [("", "ADDRESS_NOT_ALLOWED"), ("127.0.0.2/32", "ADDRESS_NOT_ALLOWED")])
def test_the_token_url_is_guarded_too(allowed: str, code: str) -> None:
    async def scenario() -> None:
        async with web(token=Issuer().token) as site, client(allowed) as http:
            context = RecordingContext(http, credentials=oauth(site))
            with pytest.raises(NodeError) as caught:
                await call(context, url="http://127.0.0.2:1/", credential=ID)
            assert (caught.value.code, context.api_calls, site.seen) == (code, 0, [])

    run(scenario())


def test_a_cancel_ends_a_token_request_that_stalls_within_a_second() -> None:
    async def scenario() -> None:
        async with web(token=stall) as site, client() as http:
            context = RecordingContext(http, credentials=oauth(site))
            task = asyncio.create_task(call(context, url=site.url("/api"), credential=ID))
            await site.arrived.wait()
            started = time.monotonic()
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            assert time.monotonic() - started < 1
            assert context.api_calls == 1

    run(scenario())


def test_the_time_limit_of_a_step_covers_its_token() -> None:
    async def scenario() -> None:
        async with web(token=stall) as site, client() as http:
            context = RecordingContext(http, credentials=oauth(site))
            with pytest.raises(NodeError) as caught:
                await call(context, url=site.url("/api"), credential=ID, timeoutMs=200)
            assert (caught.value.code, caught.value.retryable) == ("TIMEOUT", True)

    run(scenario())
