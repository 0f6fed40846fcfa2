"""Kept access tokens: one fetch at a time, renewed early, forgotten when refused."""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any

import pytest

from shared.domain.errors import NodeError
from shared.net.tokens import Token, Tokens
from tests import aio


class Server:
    """Gives tokens `t1`, `t2`, … each good for `lives_s`; with `gate` only when that is set."""

    def __init__(self, lives_s: float = 100.0, gate: asyncio.Event | None = None) -> None:
        self.lives_s, self.gate, self.fetches = lives_s, gate, 0
        self.failure: NodeError | None = None

    async def __call__(self) -> Token:
        self.fetches += 1
        number = self.fetches
        if self.gate is not None:
            await self.gate.wait()
        if self.failure is not None:
            raise self.failure
        return Token(f"t{number}", self.lives_s)


class Clock:
    def __init__(self) -> None:
        self.now_s = 1_000.0

    def __call__(self) -> float:
        self.now_s += 0.001
        return self.now_s


def run(scenario: Callable[[Tokens, Clock], Coroutine[Any, Any, None]]) -> None:
    clock = Clock()
    aio.run(asyncio.wait_for(scenario(Tokens(clock), clock), 10))


async def wait_until(condition: Callable[[], bool]) -> None:
    for _ in range(1_000):
        if condition():
            return
        await asyncio.sleep(0)
    raise AssertionError("it did not come about")


@pytest.mark.parametrize(("lives_s", "still", "no_longer"), [(100.0, 89, 91), (3_600.0, 3_539, 3_541), (0.0, None, 0)])
def test_a_token_is_used_until_shortly_before_its_end(lives_s: float, still: float | None, no_longer: float) -> None:
    async def scenario(tokens: Tokens, clock: Clock) -> None:
        server, begun_s = Server(lives_s), clock.now_s
        assert await tokens.get("k", server) == ("t1", False)
        if still is not None:
            clock.now_s = begun_s + still
            assert await tokens.get("k", server) == ("t1", True)
        clock.now_s = begun_s + no_longer
        assert await tokens.get("k", server) == ("t2", False)

    run(scenario)


def test_keys_do_not_share() -> None:
    async def scenario(tokens: Tokens, _: Clock) -> None:
        server = Server()
        assert (await tokens.get("k", server))[0] != (await tokens.get("l", server))[0]

    run(scenario)


def test_a_hundred_who_come_together_share_one_fetch() -> None:
    async def scenario(tokens: Tokens, _: Clock) -> None:
        server = Server(gate=asyncio.Event())
        tasks = [asyncio.create_task(tokens.get("k", server)) for _ in range(100)]
        await wait_until(lambda: server.fetches == 1)
        assert server.gate is not None
        server.gate.set()
        assert {text for text, _ in await asyncio.gather(*tasks)} == {"t1"}
        assert server.fetches == 1

    run(scenario)


def test_who_waited_shares_the_failure_and_the_next_one_tries_again() -> None:
    async def scenario(tokens: Tokens, _: Clock) -> None:
        server = Server(gate=asyncio.Event())
        server.failure = NodeError("TOKEN_FAILED", "No.")
        tasks = [asyncio.create_task(tokens.get("k", server)) for _ in range(20)]
        await wait_until(lambda: server.fetches == 1)
        assert server.gate is not None
        server.gate.set()
        results = await asyncio.gather(*tasks, return_exceptions=True)
        assert all(isinstance(result, NodeError) for result in results)
        assert server.fetches == 1
        server.failure = None
        assert await tokens.get("k", server) == ("t2", False)

    run(scenario)


def test_if_who_fetches_is_canceled_the_next_one_fetches() -> None:
    async def scenario(tokens: Tokens, _: Clock) -> None:
        server = Server(gate=asyncio.Event())
        first = asyncio.create_task(tokens.get("k", server))
        await wait_until(lambda: server.fetches == 1)
        second = asyncio.create_task(tokens.get("k", server))
        first.cancel()
        await wait_until(lambda: server.fetches == 2)
        assert server.gate is not None
        server.gate.set()
        assert await second == ("t2", False)
        with pytest.raises(asyncio.CancelledError):
            await first

    run(scenario)


def test_a_refused_token_is_replaced_once_for_all_who_had_it() -> None:
    async def scenario(tokens: Tokens, _: Clock) -> None:
        server: Callable[[], Awaitable[Token]] = (found := Server())
        old, _kept = await tokens.get("k", server)
        again = [await tokens.get("k", server, refused=old) for _ in range(5)]
        assert again == [("t2", False), *[("t2", True)] * 4]
        assert found.fetches == 2

    run(scenario)


def test_no_more_than_so_many_are_kept() -> None:
    async def scenario() -> None:
        tokens, server = Tokens(most=2), Server()
        for key in "abc":
            await tokens.get(key, server)
        assert (await tokens.get("c", server))[1]
        assert not (await tokens.get("a", server))[1]

    aio.run(scenario())


def test_a_token_is_not_shown() -> None:
    assert "s3cret" not in repr(Token("s3cret", 1.0))
