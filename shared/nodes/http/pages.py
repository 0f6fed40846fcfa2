"""Asks for one page after the other until the list ends, or a limit does."""

import asyncio
from dataclasses import dataclass, field, replace
from typing import Any

import httpx2

from shared.domain.errors import NodeError
from shared.domain.field_paths import MISSING
from shared.net.bodies import MOST_BYTES, RESPONSE_TOO_LARGE
from shared.net.calls import Call
from shared.net.exchange import Answer
from shared.net.session import Session
from shared.nodes.http.answers import answer_body
from shared.nodes.http.next_page import PAGINATION_FAILED, at_path, cursor_of, link_header, linked, numbered
from shared.nodes.http.paging import Paginate


@dataclass(slots=True)
class Pages:
    """What was collected so far."""

    session: Session
    paginate: Paginate
    call: Call
    items: list[Any] = field(default_factory=list)
    pages: int = 0
    bytes: int = 0
    complete: bool = False
    last: Answer | None = None
    _sent: set[str | int] = field(default_factory=set)

    async def collect(self) -> None:
        """Until there is no next page, or `max_pages` or `max_items` are reached.

        Raises NodeError PAGINATION_FAILED, RESPONSE_TOO_LARGE, and all that `Session.send` does.
        """
        following: Call | None = self._first()
        while following is not None:
            answer = self.last = await self._page(following)
            body = await answer_body(answer, "json")
            found = self._list(body)
            self.items += found
            self.pages += 1
            following = self._next(following, answer, body, len(found))
            self.complete = following is None and len(self.items) <= self.paginate.max_items
            del self.items[self.paginate.max_items :]
            if self.pages >= self.paginate.max_pages or len(self.items) >= self.paginate.max_items:
                return
            if following is not None and self.paginate.delay_ms:
                await asyncio.sleep(self.paginate.delay_ms / 1_000)

    async def _page(self, call: Call) -> Answer:
        left = self.paginate.max_total_bytes - self.bytes
        if left <= 0:
            raise self._too_large()
        accepted = replace(self.session.accepted, max_bytes=min(left, self.session.accepted.max_bytes))
        try:
            answer = await replace(self.session, accepted=accepted).send(call)
        except NodeError as error:
            if error.code == RESPONSE_TOO_LARGE and left < self.session.accepted.max_bytes:
                raise self._too_large() from None
            raise
        self.bytes += len(answer.body)
        return answer

    def _too_large(self) -> NodeError:
        most = self.paginate.max_total_bytes
        more = "or raise `paginate.maxTotalBytes`" if most < MOST_BYTES else "no more than that is taken"
        return NodeError(RESPONSE_TOO_LARGE, f"The pages have more than {most:,} bytes together: ask for less, {more}.")

    def _first(self) -> Call:
        first = self.paginate.first
        return self.call if first is None else numbered(self.call, self.paginate, first)

    def _list(self, body: Any) -> list[Any]:
        found = at_path(body, self.paginate.items)
        if isinstance(found, list):
            return found
        # An empty page, and the way in which some say that there is nothing.
        if body is None or found is None:
            return []
        place = f"at `{self.paginate.items}` of the body" if self.paginate.items else "for a body"
        raise NodeError(
            PAGINATION_FAILED, f"Page {self.pages + 1} of {self.call.host} has no list {place}: check `paginate.items`."
        )

    def _next(self, sent: Call, answer: Answer, body: Any, count: int) -> Call | None:
        paginate = self.paginate
        if paginate.more is not None and at_path(body, paginate.more) in (False, None, MISSING, 0, "false"):
            return None
        if paginate.mode == "link":
            return self._linked(sent, answer, body)
        if paginate.size is not None and count < paginate.size:
            return None
        if paginate.mode == "cursor":
            cursor = cursor_of(body, paginate.next or "")
            return None if cursor is None else self._unseen(cursor, numbered(self.call, paginate, cursor))
        if not count:
            return None
        reached = self.pages if paginate.mode == "page" else len(self.items)
        return numbered(self.call, paginate, (paginate.first or 0) + reached)

    def _linked(self, sent: Call, answer: Answer, body: Any) -> Call | None:
        url = at_path(body, self.paginate.next) if self.paginate.next else link_header(answer.headers)
        base: httpx2.URL = answer.call.url
        following = linked(sent, base, url)
        return None if following is None else self._unseen(str(following.url), following)

    def _unseen(self, key: str | int, call: Call) -> Call:
        """A server that names the same page again would be asked for ever."""
        if key in self._sent:
            raise NodeError(PAGINATION_FAILED, f"{call.host} names the same page again: after {self.pages} it repeats.")
        self._sent.add(key)
        return call
