"""Servers that the templates talk to: a mail server, a web server, a channel; in a thread of their own."""

import asyncio
import json
import threading
from collections.abc import Coroutine, Iterator
from contextlib import AsyncExitStack, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from tests.integration.nodes.mail import Office, office
from tests.integration.nodes.web import Web, respond, web

CSV = "number,email,total\nA-1,Ann@Example.com,10.50\nA-2,bob@example.com,x\nA-1,ann@example.com,12\nA-3,cy@example.com,7\n"


@dataclass(slots=True)
class Town:
    """What is there. `said` are the texts that came to the channel."""

    mail: Office
    site: Web

    @property
    def said(self) -> list[str]:
        """In order."""
        return [json.loads(request.body)["text"] for request in self.site.seen if request.target == "/channel"]


def feed() -> bytes:
    """A JSON feed with two new entries and an old one."""
    now = datetime.now(UTC)
    ages = {"Old": 72, "Older new": 5, "New": 1}
    items = [
        {"title": title, "url": f"https://example.com/{hours}", "date_published": str(now - timedelta(hours=hours))}
        for title, hours in ages.items()
    ]
    return json.dumps({"items": items}).encode()


@contextmanager
def town() -> Iterator[Town]:
    """Running servers."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    stack = AsyncExitStack()

    async def build() -> Town:
        site = await stack.enter_async_context(
            web(
                feed=respond(feed(), content_type="application/json"),
                orders=respond(CSV.encode(), content_type="text/csv"),
                well=respond(b"fine"),
                ill=respond(b"", "503 Service Unavailable"),
                channel=respond(b"ok"),
            )
        )
        return Town(await stack.enter_async_context(office()), site)

    def done(work: Coroutine[Any, Any, Any]) -> Any:
        return asyncio.run_coroutine_threadsafe(work, loop).result(timeout=30)

    try:
        yield done(build())
    finally:
        done(stack.aclose())
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()
