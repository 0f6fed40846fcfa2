"""`http.request` with files: sent whole or in a form, and received; and the kinds of answers."""

import asyncio
import base64
from collections.abc import Coroutine
from typing import Any

import pytest

from shared.nodes.files import FileValue, file_value
from tests import aio
from tests.integration.nodes.web import Request, fetch, raw, refused, respond, web

PDF = bytes(range(256))


def run(scenario: Coroutine[Any, Any, None]) -> None:
    aio.run(asyncio.wait_for(scenario, 20))


async def echo(request: Request, writer: asyncio.StreamWriter) -> None:
    await respond(request.body, content_type=request.headers.get("content-type", ""))(request, writer)


def test_what_one_request_received_another_sends_on() -> None:
    async def scenario() -> None:
        async with web(report=respond(PDF, content_type="application/pdf; x=y"), up=echo) as site:
            received, _ = await fetch(site.url("/report"), responseType="file")
            assert received["body"] == {
                "base64": base64.b64encode(PDF).decode(),
                "contentType": "application/pdf",
                "bytes": 256,
                "name": "report",
            }
            await fetch(site.url("/up"), method="PUT", body=received["body"], bodyType="file")
            sent = site.seen[1]
            assert (sent.body, sent.headers["content-type"]) == (PDF, "application/pdf")
            await fetch(site.url("/up"), method="POST", body={"a": 1, "f": received["body"]}, bodyType="multipart")
            assert b'name="f"; filename="report"\r\nContent-Type: application/pdf\r\n\r\n' + PDF in site.seen[2].body

    run(scenario())


def test_a_form_with_files_has_its_own_content_type_and_a_file_may_be_given_another() -> None:
    async def scenario() -> None:
        async with web(up=echo) as site:
            headers = {"content-type": "text/csv"}
            body = file_value(b"a;b", "text/plain")
            await fetch(site.url("/up"), method="POST", body=body, bodyType="file", headers=headers)
            await fetch(site.url("/up"), method="POST", body={}, bodyType="multipart", headers=headers)
            assert site.seen[0].headers["content-type"] == "text/csv"
            assert site.seen[1].headers["content-type"].startswith("multipart/form-data; boundary=")

    run(scenario())


@pytest.mark.parametrize(
    ("disposition", "name"),
    [
        ('attachment; filename="a b.pdf"', "a b.pdf"),
        ("attachment; filename=plain.pdf; x=y", "plain.pdf"),
        ("attachment; filename=\"old.pdf\"; filename*=UTF-8''%e2%82%ac%20new.pdf", "€ new.pdf"),
        ('attachment; filename="../../etc/passwd"', "passwd"),
        ("attachment; filename=" + "a" * 30_000, "a" * 255),
        ("attachment; filename*=utf-8''..%2F..%5Cx%0a%00y.txt", "xy.txt"),
        ('attachment; filename=".."', None),
        ("attachment", "x"),
        (f'attachment; filename="{"a" * 300}"', "a" * 255),
    ],
)
def test_the_name_of_a_file_has_no_folders(disposition: str, name: str | None) -> None:
    async def scenario() -> None:
        async with web(x=respond(b"1", content_type="text/plain", content_disposition=disposition)) as site:
            body = (await fetch(site.url("/x"), responseType="file"))[0]["body"]
            assert body.get("name") == name
            assert FileValue.model_validate(body).content == b"1"

    run(scenario())


@pytest.mark.parametrize("kind", ["", "nonsense", "text/<b>", "a/" + "b" * 300])
def test_a_file_of_an_odd_type_can_still_be_passed_on(kind: str) -> None:
    async def scenario() -> None:
        async with web(x=respond(b"\xff\x00", content_type=kind)) as site:
            for given in ({"responseType": "file"}, {}):
                body = (await fetch(site.url("/x"), **given))[0]["body"]
                assert FileValue.model_validate(body).content == b"\xff\x00"

    run(scenario())


@pytest.mark.parametrize(
    ("given", "body", "kind", "value"),
    [
        ("json", b'{"a": 1}', "text/plain", {"a": 1}),
        ("json", b"", "application/json", None),
        ("text", b'{"a": 1}', "application/json", '{"a": 1}'),
        ("text", b"\xfc\x00", "text/plain; charset=latin-1", "ü�"),
        ("text", b"\xff", "", "�"),
        ("text", b"a", "text/plain; charset=utf-8le", "a"),
        ("text", b"", "", ""),
    ],
)
def test_an_answer_is_made_into_what_was_asked_for(given: str, body: bytes, kind: str, value: Any) -> None:
    async def scenario() -> None:
        async with web(x=respond(body, content_type=kind)) as site:
            assert (await fetch(site.url("/x"), responseType=given))[0]["body"] == value

    run(scenario())


@pytest.mark.parametrize("body", [b"<html>", b"{", b"NaN", b"[" * 100_000])
def test_what_has_to_be_json_and_is_not_is_an_error(body: bytes) -> None:
    async def scenario() -> None:
        async with web(x=respond(body, content_type="application/json")) as site:
            error, _ = await refused(site.url("/x"), responseType="json")
            assert (error.code, error.retryable) == ("INVALID_RESPONSE", False)
            assert len(error.message) < 400

    run(scenario())


def test_redirects_are_not_followed_if_they_are_not_wanted() -> None:
    async def scenario() -> None:
        async with web(x=respond(b"see", status="302 Found", location="/y", content_type="text/plain")) as site:
            output, context = await fetch(site.url("/x"), followRedirects=False)
            assert (output["status"], output["body"], output["headers"]["location"]) == (302, "see", "/y")
            assert context.api_calls == 1

    run(scenario())


@pytest.mark.parametrize("most", [1, 10])
def test_as_many_redirects_as_wanted(most: int) -> None:
    async def scenario() -> None:
        async with web(x=respond(status="302 Found", location="/x")) as site:
            error, context = await refused(site.url("/x"), maxRedirects=most)
            assert (error.code, context.api_calls) == ("TOO_MANY_REDIRECTS", most + 1)

    run(scenario())


@pytest.mark.parametrize(
    ("status", "given", "retryable"),
    [
        (404, {"retryOnStatus": [404]}, True),
        (404, {"retryOnStatus": [409]}, False),
        (202, {"retryOnStatus": [202]}, True),
        (202, {"retryOnStatus": [202], "failOnStatus": False}, True),
        (500, {"retryOnStatus": [404]}, True),
    ],
)
def test_further_statuses_may_be_worth_another_attempt(status: int, given: dict[str, Any], retryable: bool) -> None:
    async def scenario() -> None:
        async with web(x=raw(f"HTTP/1.1 {status} X\ncontent-length: 0\nretry-after: 5")) as site:
            error, _ = await refused(site.url("/x"), **given)
            assert (error.code, error.retryable, error.retry_after_s) == ("HTTP_STATUS", retryable, 5.0)

    run(scenario())
