"""`http.request` with credentials: how they are sent, and where they never go."""

import asyncio
import base64
from collections.abc import Coroutine
from typing import Any

import pytest

from shared.credentials.base import Credential
from shared.nodes.base import NodeError
from shared.nodes.testing import RecordingContext
from tests import aio
from tests.integration.nodes.secrets import ID, credential, vault
from tests.integration.nodes.web import Request, Web, call, client, respond, web

BASIC = base64.b64encode(b"ali:s3cret-w\xc3\xb6rd").decode()
ALL = [
    (credential("http.basic", username="ali", password="s3cret-wörd"), "authorization", f"Basic {BASIC}"),
    (credential("http.bearer", token=" s3cret-token "), "authorization", "Bearer s3cret-token"),
    (credential("http.header", name="X-Api-Key", value="s3cret-key"), "x-api-key", "s3cret-key"),
]
QUERY = credential("http.query", name="api_key", value="s3cret & more")


def run(scenario: Coroutine[Any, Any, None]) -> None:
    aio.run(asyncio.wait_for(scenario, 20))


async def ask(site: Web, secret: Credential, path: str = "/x", **params: Any) -> tuple[Any, RecordingContext]:
    """The output or the error, and what was done."""
    async with client("127.0.0.0/8,::1/128") as http:
        context = RecordingContext(http, credentials=vault(secret))
        try:
            return await call(context, url=site.url(path), credential=ID, **params), context
        except NodeError as error:
            return error, context


async def echo(request: Request, writer: asyncio.StreamWriter) -> None:
    """An error that tells everything it was sent."""
    told = f"{request.target} {request.headers}".encode()
    writer.write(b"HTTP/1.1 400 Bad\r\ncontent-type: text/plain\r\ncontent-length: %d\r\n\r\n%s" % (len(told), told))


@pytest.mark.parametrize(("secret", "name", "value"), ALL, ids=[secret.type for secret, _, _ in ALL])
def test_a_header_credential_is_sent_in_place_of_the_users_own(secret: Credential, name: str, value: str) -> None:
    async def scenario() -> None:
        async with web(x=respond(b"ok")) as site:
            output, _ = await ask(site, secret, headers={name: "other", "x-more": "1"})
            assert output["status"] == 200
            assert site.seen[0].headers[name] == value
            assert site.seen[0].headers["x-more"] == "1"

    run(scenario())


def test_a_user_may_have_no_password() -> None:
    async def scenario() -> None:
        async with web(x=respond(b"ok")) as site:
            await ask(site, credential("http.basic", username="ali"))
            assert base64.b64decode(site.seen[0].headers["authorization"][6:]) == b"ali:"

    run(scenario())


def test_a_query_credential_is_added_to_the_query() -> None:
    async def scenario() -> None:
        async with web(x=respond(b"ok")) as site:
            await ask(site, QUERY, "/x?a=1", query={"b": 2})
            assert site.seen[0].target == "/x?a=1&b=2&api_key=s3cret+%26+more"

    run(scenario())


@pytest.mark.parametrize("secret", [*(secret for secret, _, _ in ALL), QUERY], ids=lambda secret: secret.type)
def test_nothing_of_it_is_in_an_error_a_log_line_or_a_repr(secret: Credential) -> None:
    async def scenario() -> None:
        async with web(x=echo) as site:
            error, context = await ask(site, secret)
            assert error.code == "HTTP_STATUS"
            told = repr((error.message, context.lines, secret))
            assert not [part for part in ("s3cret", BASIC) if part in told]

    run(scenario())


@pytest.mark.parametrize("secret", [*(secret for secret, _, _ in ALL), QUERY], ids=lambda secret: secret.type)
@pytest.mark.parametrize("status", ["301 Moved", "302 Found", "303 See Other", "307 Temporary", "308 Permanent"])
def test_a_redirect_takes_it_to_the_same_origin_only(secret: Credential, status: str) -> None:
    async def scenario() -> None:
        async with web(end=respond(b"end"), back=respond(b"back")) as other:
            home = respond(status=status, location=other.url("/end"))
            async with web(x=respond(status=status, location="/same"), same=respond(b"ok"), y=home) as site:
                output, _ = await ask(site, secret)
                assert output["body"] == "ok"
                assert ("s3cret" in repr(site.seen[1]) or BASIC in repr(site.seen[1])) == (secret is not QUERY)
                output, context = await ask(site, secret, "/y", method="POST", body={"a": 1})
                assert (output["body"], context.api_calls) == ("end", 2)
            assert "s3cret" not in repr(other.seen)
            assert BASIC not in repr(other.seen)

    run(scenario())


def test_it_does_not_come_back_after_a_way_over_another_origin() -> None:
    async def scenario() -> None:
        async with web() as other, web(end=respond(b"ok")) as site:
            other.answers["/there"] = respond(status="302 Found", location=site.url("/end"))
            site.answers["/x"] = respond(status="302 Found", location=other.url("/there"))
            output, _ = await ask(site, ALL[1][0])
            assert output["body"] == "ok"
            assert "authorization" in site.seen[0].headers
            assert "authorization" not in site.seen[1].headers

    run(scenario())


def test_a_server_that_sends_the_secret_on_to_another_host_is_not_followed() -> None:
    async def forward(request: Request, writer: asyncio.StreamWriter) -> None:
        location = f"http://localhost:1{request.target}"
        await respond(status="302 Found", location=location)(request, writer)

    async def scenario() -> None:
        async with web(x=forward) as site:
            error, context = await ask(site, QUERY)
            assert (error.code, context.api_calls) == ("CREDENTIAL_IN_REDIRECT", 1)
            assert "s3cret" not in error.message

    run(scenario())


def test_a_header_of_the_answer_that_repeats_it_is_masked() -> None:
    async def scenario() -> None:
        async def again(request: Request, writer: asyncio.StreamWriter) -> None:
            link = f"<{request.target}&page=2>; rel=next"
            await respond(status="302 Found", location=request.target, link=link)(request, writer)

        async with web(x=again) as site:
            output, _ = await ask(site, QUERY, followRedirects=False)
            assert output["headers"]["location"] == "/x?api_key=•••"
            assert output["headers"]["link"] == "</x?api_key=•••&page=2>; rel=next"

    run(scenario())


def test_it_goes_to_its_hosts_only_and_is_not_sent_at_all_to_others() -> None:
    async def scenario() -> None:
        async with web(x=respond(b"ok")) as site:
            bound = credential("http.bearer", token="s3cret", hosts=("api.example.com",))
            error, context = await ask(site, bound)
            assert (error.code, context.api_calls, site.seen) == ("HOST_NOT_ALLOWED", 0, [])
            output, _ = await ask(site, credential("http.bearer", token="s3cret", hosts=("127.0.0.1",)))
            assert output["body"] == "ok"

    run(scenario())


def test_a_user_in_the_url_is_sent_as_a_header_and_never_with_a_credential() -> None:
    async def scenario() -> None:
        async with web(x=respond(status="302 Found", location="/y"), y=respond(b"ok")) as site, client() as http:
            url = site.url("/x").replace("//", "//ali:s3cret-w%C3%B6rd@")
            assert (await call(RecordingContext(http), url=url))["body"] == "ok"
            assert [seen.headers["authorization"] for seen in site.seen] == [f"Basic {BASIC}"] * 2
            context = RecordingContext(http, credentials=vault(QUERY))
            with pytest.raises(NodeError, match="leave the user out"):
                await call(context, url=url, credential=ID)

    run(scenario())


def test_one_of_another_kind_is_refused() -> None:
    async def scenario() -> None:
        async with web(x=respond(b"ok")) as site:
            error, _ = await ask(site, Credential(ID, "smtp", object()))
            assert (error.code, site.seen) == ("INVALID_PARAMS", [])

    run(scenario())
