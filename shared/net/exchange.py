"""One request and its answer, and the redirects after it: each counted when it is sent, and logged once."""

import time
from dataclasses import dataclass
from typing import Any

import httpx2

from shared.domain.errors import NodeError
from shared.net.bodies import read_body
from shared.net.caller import Caller
from shared.net.calls import Call, redirected, without_user
from shared.net.failures import failure
from shared.net.statuses import HTTP_STATUS, Accepted, status_error

TOO_MANY_REDIRECTS = "TOO_MANY_REDIRECTS"


@dataclass(frozen=True, slots=True)
class Answer:
    """A complete answer to `call`, or with `following` a redirect whose body was not read."""

    call: Call
    status: int
    headers: httpx2.Headers
    body: bytes
    following: Call | None = None


async def follow(caller: Caller, call: Call, accepted: Accepted) -> Answer:
    """Send a request and follow redirects as far as they are accepted; every address on the way is checked.

    A user in the URL becomes a header, unless there is one. The caller bounds the time. Raises StatusError, NodeError
    with the codes of `failures`, `calls`, `bodies` and `tls`, TOO_MANY_REDIRECTS.
    """
    call = without_user(call)
    for _ in range((accepted.max_redirects or 0) + 1):
        answer = await _Exchange(caller, call, accepted).run()
        if answer.following is None:
            return answer
        call = answer.following
    raise NodeError(TOO_MANY_REDIRECTS, f"{call.host} is the end of more than {accepted.max_redirects} redirects.")


@dataclass(slots=True)
class _Exchange:
    caller: Caller
    call: Call
    accepted: Accepted
    status: int | None = None
    sent: bool = False

    async def run(self) -> Answer:
        started = time.perf_counter()
        result = "canceled or timed out"
        try:
            answer = await self._send()
            result = f"status {answer.status}"
        except httpx2.HTTPError as error:
            failed = failure(error, self.call.host, sent=self.sent)
            result = failed.code
            raise failed from None
        except NodeError as error:
            result = f"status {self.status}" if error.code == HTTP_STATUS else error.code
            raise
        finally:
            self._log(result, round((time.perf_counter() - started) * 1_000))
        return answer

    def _log(self, result: str, took_ms: int) -> None:
        method, host = self.call.method, self.call.host
        good = self.status is not None and self.status < 400
        self.caller.log(
            "info" if good else "warning",
            f"{method} {host}: {result}, {took_ms} ms",
            method=method, host=host, status=self.status, durationMs=took_ms,
        )  # fmt: skip

    async def _send(self) -> Answer:
        if self.call.tls is None:
            return await self._send_by(self.caller.http)
        async with self.caller.http.variants.lend(self.call.tls) as client:
            return await self._send_by(client)

    async def _send_by(self, client: httpx2.AsyncClient) -> Answer:
        call = self.call
        request = client.build_request(
            call.method, call.url, headers=call.raw_headers(), content=call.content, extensions={"trace": self._trace}
        )
        response = await client.send(request, stream=True, auth=None, follow_redirects=False)
        try:
            return await self._answer(response)
        finally:
            await response.aclose()

    async def _answer(self, response: httpx2.Response) -> Answer:
        call, accepted = self.call, self.accepted
        self.status = status = response.status_code
        if accepted.max_redirects is not None:
            following = redirected(call, status, response.headers.get("location"))
            if following is not None:
                return Answer(call, status, response.headers, b"", following)
        if accepted.fails(status):
            raise await status_error(response, call, accepted)
        return Answer(call, status, response.headers, await read_body(response, accepted.max_bytes))

    async def _trace(self, event: str, _: dict[str, Any]) -> None:
        if event.endswith(".send_request_headers.complete"):
            self.sent = True
            self.caller.count_api_call()
