"""How an attempt ends when a node does what it should not."""

import asyncio
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext
from pathlib import Path
from typing import Any, ClassVar
from uuid import UUID

import orjson
import pytest

from services.worker.attempt import Runner
from services.worker.context import StepContext
from services.worker.outcomes import refused
from services.worker.payloads import Limits, Payloads
from services.worker.running import Registry, Running
from services.worker.step_ai import StepAi
from shared.blob_files import FileStore
from shared.domain.compiler import compile_definition
from shared.domain.errors import NodeError
from shared.domain.outcome import Kind, Outcome
from shared.engine.requests import Claimed
from shared.nodes.base import Done, NodeType, Params
from tests.factories import definition, node

NOTHING_LARGE = Payloads(FileStore(Path("/nowhere")), nullcontext, Limits(value=1_000))  # type: ignore[arg-type]


class Odd(NodeType):
    """Ends as the test says."""

    type = "odd"
    label = help = "Odd"
    params = Params
    example: ClassVar[dict[str, Any]] = {}
    raises: ClassVar[BaseException | None] = None

    async def run(self, ctx: Any, params: Params) -> Done:
        if self.raises is not None:
            raise self.raises
        return Done(1)


@pytest.fixture
def loop() -> Iterator[asyncio.AbstractEventLoop]:
    made = asyncio.new_event_loop()
    thread = threading.Thread(target=made.run_forever)
    thread.start()
    yield made
    made.call_soon_threadsafe(made.stop)
    thread.join()
    made.close()


def nothing(_: Claimed) -> None:
    """No budget."""


def run(loop: asyncio.AbstractEventLoop, error: BaseException | None, *, stopped: bool = False) -> Outcome:
    kind = type("OddOne", (Odd,), {"raises": error})()
    plan = compile_definition(definition(node("a", "odd", {})), {"odd": kind})
    claimed = Claimed((UUID(int=1), "a", ""), 7, 1, False, UUID(int=2), plan, plan.nodes["a"], {}, 0.0)
    running = Running(claimed.key, 7, stopped=stopped)
    with ThreadPoolExecutor(1) as threads:
        ctx = StepContext(claimed, None, None, threads, ai=StepAi(claimed, nothing, None))  # type: ignore[arg-type]
        runner = Runner(loop, Registry(), {"odd": kind}, NOTHING_LARGE, lambda *_: UUID(int=3))
        return runner.run(claimed, running, ctx)


def test_a_node_that_cancels_itself_has_failed(loop: asyncio.AbstractEventLoop) -> None:
    outcome = run(loop, asyncio.CancelledError())
    assert (outcome.kind, outcome.error_code, outcome.retryable) == (Kind.FAILED, "NODE_BUG", True)


def test_a_node_that_was_told_to_stop_has_stopped(loop: asyncio.AbstractEventLoop) -> None:
    assert run(loop, None, stopped=True).kind is Kind.STOPPED


@pytest.mark.parametrize("text", ["\x01" * 9_000, "\x00", "\udc80" * 10, "é" * 9_000, ""])
def test_any_error_text_can_be_stored(loop: asyncio.AbstractEventLoop, text: str) -> None:
    outcome = run(loop, NodeError("ODD", text))
    assert outcome.kind is Kind.FAILED
    stored = orjson.loads(outcome.error or "")
    assert stored["code"] == "ODD"
    assert len(stored["message"]) <= 4_000
    assert "\x00" not in stored["message"]


def test_a_refused_outcome_fails_and_keeps_what_it_used() -> None:
    used = Outcome(
        (UUID(int=1), "a", ""), Kind.DONE, 7, port="x", output="{", ai_tokens=5, api_calls=2, touches=(("j", ""),)
    )
    outcome = refused(used, ValueError())
    assert (outcome.kind, outcome.error_code, outcome.output, outcome.port) == (
        Kind.FAILED,
        "INVALID_OUTPUT",
        None,
        None,
    )
    assert (outcome.ai_tokens, outcome.api_calls, outcome.touches, outcome.fence) == (5, 2, (("j", ""),), 7)
