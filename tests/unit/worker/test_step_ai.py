"""A growing text is shown ten times a second at most, whole, and never with a callback's address in it."""

import asyncio
from typing import Any
from uuid import UUID

from services.worker.step_ai import DELTA_S, StepAi
from shared.callbacks import PATH
from shared.domain.compiler import compile_definition
from shared.domain.outcome import Key
from shared.engine.requests import Claimed
from shared.live import MOST_TEXT
from shared.nodes.catalogue import node_types
from tests.aio import run
from tests.factories import chain


class Shown:
    """What would go to Redis."""

    def __init__(self) -> None:
        self.texts: list[str] = []
        self.forgotten = 0
        self.came = asyncio.Event()

    def show_text(self, _: Key, attempt: int, text: str) -> None:
        assert attempt == 1
        self.texts.append(text)
        self.came.set()

    def forget_text(self, _: Key) -> None:
        self.forgotten += 1


def of(shown: Any) -> StepAi:
    plan = compile_definition(chain(1), node_types())
    claimed = Claimed((UUID(int=1), "n0", ""), 7, 1, False, UUID(int=2), plan, plan.nodes["n0"], {}, 0.0)
    return StepAi(claimed, lambda _: None, shown)


async def shown_for(seconds: float, piece: str, pause_s: float) -> Shown:
    """Add a piece again and again for a while."""
    shown = Shown()
    step, loop = of(shown), asyncio.get_running_loop()
    ends = loop.time() + seconds
    while loop.time() < ends:
        await step.delta(piece)
        await asyncio.sleep(pause_s)
    step.close()
    return shown


def test_not_more_often_than_anybody_can_read() -> None:
    shown = run(shown_for(1.0, "x", 0.001))
    assert 2 <= len(shown.texts) <= 1.0 / DELTA_S + 2
    assert shown.texts == sorted(shown.texts, key=len)
    assert shown.forgotten == 1


def test_the_last_piece_is_shown_although_nothing_follows() -> None:
    async def pause() -> Shown:
        shown = Shown()
        step = of(shown)
        await step.delta("a")
        await shown.came.wait()
        shown.came.clear()
        await step.delta("b")
        await step.delta("c")
        await asyncio.wait_for(shown.came.wait(), 10)
        return shown

    assert run(pause()).texts == ["a", "abc"]


def test_a_text_without_an_end_is_shown_up_to_a_limit() -> None:
    shown = run(shown_for(0.5, "x" * 60_000, 0.01))
    assert max(map(len, shown.texts)) == MOST_TEXT


def test_an_address_in_two_pieces_is_masked() -> None:
    async def two_pieces() -> Shown:
        shown = Shown()
        step = of(shown)
        await step.delta(f"see https://here{PATH}abcdefgh")
        await step.delta("ijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUV")
        await shown.came.wait()
        return shown

    assert "ijklmnop" not in run(two_pieces()).texts[-1]


def test_without_a_text_nothing_is_forgotten() -> None:
    shown = Shown()
    of(shown).close()
    assert shown.forgotten == 0
