"""The test of each HTTP credential, against a server that checks it."""

import asyncio
from collections.abc import Coroutine
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from shared.credentials.catalogue import credential_types
from shared.net.client import make_network
from shared.nodes.base import NodeError
from shared.settings import Settings
from tests import aio
from tests.integration.nodes.certificates import certificate, self_signed
from tests.integration.nodes.web import Request, respond, stall, web


def run(scenario: Coroutine[Any, Any, None]) -> None:
    aio.run(asyncio.wait_for(scenario, 20))


async def attempt(type: str, allowed: str = "127.0.0.0/8,::1/128", **fields: Any) -> str:
    """What the test says; NodeErrors pass."""
    kind = credential_types()[type]
    network = make_network(Settings().model_copy(update={"allow_private_networks": allowed}))
    try:
        return await kind.test(network, kind.fields.model_validate(fields))
    finally:
        await network.close()


async def door(request: Request, writer: asyncio.StreamWriter) -> None:
    """Opens to each of the right keys; repeats the others."""
    keys = ("Basic YWxpOnMzY3JldA==", "Bearer s3cret", "s3cret")
    given = (request.headers.get("authorization"), request.headers.get("x-key"), request.target.partition("?key=")[2])
    if any(value in keys for value in given):
        await respond(status="204 No Content")(request, writer)
    else:
        await respond(repr(given).encode(), "403 Forbidden", content_type="text/plain")(request, writer)


KINDS = [
    ("http.basic", {"username": "ali"}, "password"),
    ("http.bearer", {}, "token"),
    ("http.header", {"name": "X-Key"}, "value"),
    ("http.query", {"name": "key"}, "value"),
]
EACH = pytest.mark.parametrize(("type", "more", "field"), KINDS, ids=[kind[0] for kind in KINDS])


@EACH
def test_the_right_one_works_and_a_wrong_one_says_so_without_itself(type: str, more: Any, field: str) -> None:
    async def scenario() -> None:
        async with web(door=door) as site:
            url = site.url("/door")
            told = await attempt(type, **more, **{field: "s3cret"}, testUrl=url)
            assert told == "127.0.0.1 answered with status 204."
            with pytest.raises(NodeError, match="HTTP 403") as caught:
                await attempt(type, **more, **{field: "wr0ng-one"}, testUrl=url)
            assert "wr0ng" not in caught.value.message

    run(scenario())


@EACH
def test_without_a_test_url_there_is_nothing_to_try(type: str, more: Any, field: str) -> None:
    with pytest.raises(NodeError, match="test URL"):
        aio.run(attempt(type, **more, **{field: "s3cret"}))


@EACH
def test_the_test_is_guarded_and_takes_no_redirect_for_a_success(type: str, more: Any, field: str) -> None:
    async def scenario() -> None:
        secret = {field: "s3cret"}
        async with web(x=respond(status="304 Not Modified")) as site:
            with pytest.raises(NodeError, match="HTTP 304"):
                await attempt(type, **more, **secret, testUrl=site.url("/x"))
            with pytest.raises(NodeError) as caught:
                await attempt(type, "", **more, **secret, testUrl=site.url("/x"))
            assert caught.value.code == "ADDRESS_NOT_ALLOWED"

    run(scenario())


def test_a_test_ends_in_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("shared.credentials.probe.TEST_TIMEOUT_S", 0.2)

    async def scenario() -> None:
        async with web(x=stall) as site:
            with pytest.raises(NodeError) as caught:
                await attempt("http.bearer", token="s3cret", testUrl=site.url("/x"))
            assert caught.value.code == "TIMEOUT"

    run(scenario())


def test_oauth_is_tried_by_asking_for_a_token() -> None:
    async def scenario() -> None:
        good = respond(b'{"access_token": "s3cret-token", "expires_in": "1800"}')
        async with web(good=good, bad=respond(b'{"error": "invalid_client"}', "401 U")) as site:
            fields = {"clientId": "me", "clientSecret": "s3cret"}
            told = await attempt("oauth2.client", **fields, tokenUrl=site.url("/good"))
            assert told == "127.0.0.1 gave an access token that is good for 1,800 s."
            with pytest.raises(NodeError, match="invalid_client"):
                await attempt("oauth2.client", **fields, tokenUrl=site.url("/bad"))

    run(scenario())


def test_a_webhook_is_tried_by_posting_a_message() -> None:
    async def scenario() -> None:
        async with web(secret_path=respond(b"ok"), gone_secret=respond(b"no_service", "404 N")) as site:
            told = await attempt("slack.webhook", url=site.url("/secret_path"))
            assert "test message" in told
            assert b"test of a credential" in site.seen[0].body
            with pytest.raises(NodeError, match="no_service") as caught:
                await attempt("slack.webhook", url=site.url("/gone_secret"))
            assert "gone_secret" not in caught.value.message

    run(scenario())


def test_a_client_certificate_is_read_and_shown_if_there_is_an_address(tmp_path: Path) -> None:
    async def scenario() -> None:
        key, shown = self_signed("client")
        told = await attempt("tls.client", certificate=shown, key=key)
        assert told.startswith("The key belongs to the certificate of test, which ends on ")
        with pytest.raises(NodeError) as caught:
            await attempt("tls.client", certificate=shown, key=self_signed("other")[0])
        assert caught.value.code == "INVALID_CERTIFICATE"
        server, _ = certificate(tmp_path, "localhost")
        async with web(server, x=respond()) as site:
            with pytest.raises(NodeError) as caught:
                await attempt("tls.client", certificate=shown, key=key, testUrl=site.url("/x", "localhost", "https"))
            assert caught.value.code == "TLS_FAILED"

    run(scenario())


@pytest.mark.parametrize(
    ("type", "fields"),
    [
        ("http.basic", {"username": "a:b", "password": "s3cret"}),
        ("http.basic", {"username": "a", "password": "s3cret", "testUrl": "ftp://x/"}),
        ("http.bearer", {"token": "s3cret\r\nx: y"}),
        ("http.bearer", {"token": ""}),
        ("http.header", {"name": "Host", "value": "s3cret"}),
        ("http.header", {"name": "X Y", "value": "s3cret"}),
        ("http.header", {"name": "X-Y", "value": "s3cret\nx: y"}),
        ("http.query", {"name": "", "value": "s3cret"}),
        ("oauth2.client", {"tokenUrl": "x", "clientId": "a", "clientSecret": "s3cret"}),
        (
            "oauth2.client",
            {"tokenUrl": "http://a/", "clientId": "a", "clientSecret": "s3cret", "parameters": {"scope": "x"}},
        ),
        ("slack.webhook", {"url": "file:///s3cret"}),
        ("slack.webhook", {"url": "http://s3cret:port/"}),
    ],
)
def test_fields_that_cannot_work_are_refused_without_being_told(type: str, fields: dict[str, Any]) -> None:
    with pytest.raises(ValidationError) as caught:
        credential_types()[type].fields.model_validate(fields)
    assert "s3cret" not in str(caught.value)
    assert "s3cret" not in repr(caught.value.errors(include_input=False, include_context=False, include_url=False))


@pytest.mark.parametrize("type", [kind[0] for kind in KINDS] + ["oauth2.client", "slack.webhook", "tls.client"])
def test_each_is_described(type: str) -> None:
    kind = credential_types()[type]
    assert kind.testable
    assert kind.help.endswith(".")
    for name, part in kind.fields.model_json_schema()["properties"].items():
        assert part.get("description"), name
