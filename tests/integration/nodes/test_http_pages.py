"""`http.request` with `paginate`: every mode to its end, every limit, and servers that name odd pages."""

import asyncio
import json
import time
from collections.abc import Callable, Coroutine
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from shared.nodes.base import NodeError
from shared.nodes.testing import RecordingContext
from tests import aio
from tests.integration.nodes.secrets import ID, credential, vault
from tests.integration.nodes.web import Answer, Request, Web, call, client, fetch, refused, respond, stall, web

ALL = list(range(7))
Page = Callable[[dict[str, str], Request], tuple[Any, dict[str, str]]]


def run(scenario: Coroutine[Any, Any, None]) -> None:
    aio.run(asyncio.wait_for(scenario, 20))


def paged(page: Page) -> Answer:
    """A list in pages: `page` gives a body and headers for the query of a request."""

    async def answer(request: Request, writer: asyncio.StreamWriter) -> None:
        query = {name: values[0] for name, values in parse_qs(urlsplit(request.target).query).items()}
        body, headers = page(query, request)
        await respond(json.dumps(body).encode(), content_type="application/json", **headers)(request, writer)

    return answer


def by_link(query: dict[str, str], _: Request) -> tuple[Any, dict[str, str]]:
    at = int(query.get("at", "0"))
    return ALL[at : at + 3], {"link": f'</x?at={at + 3}>; rel="next"'} if at + 3 < len(ALL) else {}


def by_next_url(query: dict[str, str], _: Request) -> tuple[Any, dict[str, str]]:
    at = int(query.get("at", "0"))
    return {"value": ALL[at : at + 3], "@odata.nextLink": f"/x?at={at + 3}" if at + 3 < len(ALL) else None}, {}


def by_cursor(query: dict[str, str], _: Request) -> tuple[Any, dict[str, str]]:
    at = int(query.get("after", "c0")[1:])
    return {"data": {"items": ALL[at : at + 3]}, "meta": {"next": f"c{at + 3}" if at + 3 < len(ALL) else ""}}, {}


def by_body_cursor(_: dict[str, str], request: Request) -> tuple[Any, dict[str, str]]:
    sent = json.loads(request.body)
    at = sent.get("start_cursor", 0)
    assert sent["filter"] == "x"
    return {"results": ALL[at : at + 3], "next_cursor": at + 3, "has_more": at + 3 < len(ALL)}, {}


def by_page(query: dict[str, str], _: Request) -> tuple[Any, dict[str, str]]:
    at = (int(query["page"]) - 1) * 3
    return {"items": ALL[at : at + 3]}, {}


def by_offset(query: dict[str, str], _: Request) -> tuple[Any, dict[str, str]]:
    at = int(query["skip"])
    return ALL[at : at + int(query["limit"])], {}


MODES: list[tuple[Page, dict[str, Any], int]] = [
    (by_link, {"paginate": {"mode": "link"}}, 3),
    (by_next_url, {"paginate": {"mode": "link", "items": "value", "next": "@odata.nextLink"}}, 3),
    (by_cursor, {"paginate": {"mode": "cursor", "items": "data.items", "next": "meta.next", "parameter": "after"}}, 3),
    (
        by_body_cursor,
        {
            "method": "POST",
            "body": {"filter": "x"},
            "paginate": {
                "mode": "cursor",
                "items": "results",
                "next": "next_cursor",
                "parameter": "start_cursor",
                "place": "body",
                "more": "has_more",
            },
        },
        3,
    ),
    (by_page, {"paginate": {"mode": "page", "items": "items"}}, 4),
    (by_page, {"paginate": {"mode": "page", "items": "items", "size": 3}}, 3),
    (by_offset, {"query": {"limit": 3}, "paginate": {"mode": "offset", "parameter": "skip", "size": 3}}, 3),
    (by_offset, {"query": {"limit": 3, "skip": 9}, "paginate": {"mode": "offset", "parameter": "skip"}}, 4),
]


@pytest.mark.parametrize(("page", "params", "pages"), MODES)
def test_each_mode_comes_to_the_end(page: Page, params: dict[str, Any], pages: int) -> None:
    async def scenario() -> None:
        async with web(x=paged(page)) as site:
            output, context = await fetch(site.url("/x"), **params)
            assert output["items"] == ALL
            assert (output["pages"], output["complete"], output["status"]) == (pages, True, 200)
            assert context.api_calls == len(context.lines) == pages
            assert "content-type" in output["headers"]

    run(scenario())


@pytest.mark.parametrize(
    ("limits", "items", "pages", "complete"),
    [
        ({"maxPages": 2}, 6, 2, False),
        ({"maxPages": 3}, 7, 3, True),
        ({"maxItems": 4}, 4, 2, False),
        ({"maxItems": 6}, 6, 2, False),
        ({"maxItems": 7}, 7, 3, True),
    ],
)
def test_a_limit_ends_it_and_the_output_says_so(limits: dict[str, int], items: int, pages: int, complete: bool) -> None:
    async def scenario() -> None:
        async with web(x=paged(by_link)) as site:
            output, _ = await fetch(site.url("/x"), paginate={"mode": "link"} | limits)
            assert (len(output["items"]), output["pages"], output["complete"]) == (items, pages, complete)
            assert len(site.seen) == pages

    run(scenario())


def test_all_pages_together_have_a_limit_of_bytes() -> None:
    def large(query: dict[str, str], _: Request) -> tuple[Any, dict[str, str]]:
        return ["x" * 1_000], {"link": f'</x?at={int(query.get("at", "0")) + 1}>; rel="next"'}

    async def scenario() -> None:
        async with web(x=paged(large)) as site:
            paginate = {"mode": "link", "maxPages": 1_000, "maxTotalBytes": 10_000}
            error, _ = await refused(site.url("/x"), paginate=paginate)
            assert (error.code, len(site.seen)) == ("RESPONSE_TOO_LARGE", 10)
            assert "maxTotalBytes" in error.message
            error, _ = await refused(site.url("/x"), maxBytes=500, paginate=paginate)
            assert "maxBytes" in error.message

    run(scenario())


def test_the_pause_between_pages_is_within_the_time_limit() -> None:
    async def scenario() -> None:
        async with web(x=paged(by_link)) as site:
            started = time.monotonic()
            output, _ = await fetch(site.url("/x"), paginate={"mode": "link", "delayMs": 50})
            assert output["pages"] == 3
            assert time.monotonic() - started >= 0.1
            error, _ = await refused(site.url("/x"), timeoutMs=200, paginate={"mode": "link", "delayMs": 60_000})
            assert error.code == "TIMEOUT"

    run(scenario())


@pytest.mark.parametrize(
    ("body", "paginate", "says"),
    [
        ({"data": 5}, {"mode": "page", "items": "data"}, "no list at `data`"),
        ({"a": 1}, {"mode": "page"}, "no list for a body"),
        (
            {"data": [1], "next": "http://localhost:1/"},
            {"mode": "link", "items": "data", "next": "next"},
            "another origin",
        ),
        ({"data": [1], "next": "file:///x"}, {"mode": "link", "items": "data", "next": "next"}, "no valid URL"),
        ({"data": [1], "next": "/x"}, {"mode": "link", "items": "data", "next": "next"}, "the same page again"),
        ({"data": [1], "next": "c"}, {"mode": "cursor", "items": "data", "next": "next"}, "the same page again"),
        ({"data": [1], "next": {}}, {"mode": "cursor", "items": "data", "next": "next"}, "no cursor"),
    ],
)
def test_odd_pages_are_errors_that_say_what_to_check(body: Any, paginate: dict[str, Any], says: str) -> None:
    async def scenario() -> None:
        async with web(x=respond(json.dumps(body).encode(), content_type="application/json")) as site:
            error, _ = await refused(site.url("/x"), paginate=paginate)
            assert error.code == "PAGINATION_FAILED"
            assert says in error.message
            assert len(site.seen) <= 3

    run(scenario())


def test_a_page_that_is_no_json_is_an_error_and_an_empty_one_the_end() -> None:
    async def scenario() -> None:
        async with web(x=respond(b"<html>"), y=respond(status="204 No Content")) as site:
            error, _ = await refused(site.url("/x"), paginate={"mode": "page"})
            assert error.code == "INVALID_RESPONSE"
            output, _ = await fetch(site.url("/y"), paginate={"mode": "page"})
            assert (output["items"], output["complete"]) == ([], True)

    run(scenario())


def test_a_status_in_the_middle_fails_and_may_be_retried() -> None:
    def second_fails(site: Web) -> Answer:
        async def answer(request: Request, writer: asyncio.StreamWriter) -> None:
            good = len(site.seen) == 1
            await (paged(by_link) if good else respond(b"slow down", "429 Busy", retry_after="3"))(request, writer)

        return answer

    async def scenario() -> None:
        async with web() as site:
            site.answers["/x"] = second_fails(site)
            error, _ = await refused(site.url("/x"), paginate={"mode": "link"})
            assert (error.code, error.retryable, error.retry_after_s) == ("HTTP_STATUS", True, 3.0)

    run(scenario())


def test_every_page_carries_the_credential() -> None:
    async def scenario() -> None:
        for secret in (
            credential("http.bearer", token="s3cret"),
            credential("http.query", name="key", value="s3cret"),
        ):
            async with web(x=paged(by_link)) as site, client() as http:
                context = RecordingContext(http, credentials=vault(secret))
                output = await call(context, url=site.url("/x"), credential=ID, paginate={"mode": "link"})
                assert output["items"] == ALL
                assert all("s3cret" in repr(seen) for seen in site.seen)
                assert "s3cret" not in repr((output, context.lines))

    run(scenario())


def test_a_cancel_ends_a_page_that_stalls_and_a_pause_within_a_second() -> None:
    async def scenario() -> None:
        for second, delay_ms in ((stall, 0), (paged(by_link), 60_000)):
            async with (
                web(x=paged(lambda _, __: ([1], {"link": "</y>; rel=next"})), y=second) as site,
                client() as http,
            ):
                paginate = {"mode": "link", "delayMs": delay_ms}
                task = asyncio.create_task(call(RecordingContext(http), url=site.url("/x"), paginate=paginate))
                await site.arrived.wait()
                while not delay_ms and len(site.seen) < 2:
                    site.arrived.clear()
                    await site.arrived.wait()
                started = time.monotonic()
                task.cancel()
                with pytest.raises(asyncio.CancelledError):
                    await task
                assert time.monotonic() - started < 1

    run(scenario())


def test_what_is_no_error_status_fails_at_the_list() -> None:
    async def scenario() -> None:
        async with web(x=respond(b'{"message": "gone"}', "404 Not Found")) as site:
            with pytest.raises(NodeError, match="no list"):
                await fetch(site.url("/x"), failOnStatus=False, paginate={"mode": "page", "items": "items.x"})

    run(scenario())
