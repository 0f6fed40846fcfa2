"""The ledger: once for each call of an attempt whose outcome arrived, late ones apart, and every sum equal to it."""

from typing import Any
from uuid import UUID

import pytest

from shared.db import budgets
from shared.db.stats import fold
from shared.domain.ai_call import AiCall
from shared.domain.outcome import Kind, Outcome
from shared.engine.batch import Batch, Options, run_batch
from shared.engine.cancel import cancel_execution
from shared.engine.requests import Claimed
from shared.queries import ai_usage
from shared.queries.stats import counted, overview, recount
from tests.factories import chain, definition, edge, node
from tests.integration.engine.conftest import EngineScene

FAILS = {"error_code": "X", "error": '{"code":"X","message":"no"}'}
DOLLAR = 1_000_000_000


def call(tokens: int = 10, cost: int | None = DOLLAR, attempt: int = 1) -> AiCall:
    return AiCall(attempt, "openai", "gpt-4o-mini", tokens - 3, 3, 2, cost)


def used(*calls: AiCall) -> dict[str, Any]:
    return {"ai_calls": calls, "ai_tokens": sum(each.tokens for each in calls), "api_calls": len(calls)}


class Books:
    """What all places say of an execution."""

    def __init__(self, scene: EngineScene, id: UUID) -> None:
        self.scene, self.id = scene, id

    def check(self, *, cost: int, calls: int, late: int = 0) -> None:
        """The ledger has so many calls; the execution, and the statistics, have what they cost."""
        totals = ai_usage.totals(self.scene.connection, self.id)
        row = self.scene.execution(self.id)
        assert (totals["calls"], totals["late"]["calls"]) == (calls, late)
        assert totals["costUsd"] * DOLLAR == row["ai_cost_nano"] == cost
        assert counted(self.scene.connection) == recount(self.scene.connection)
        if row["completed_at"] is not None:
            assert overview(self.scene.connection)["aiCostUsd"] == cost / DOLLAR
        fold(self.scene.connection)
        assert counted(self.scene.connection) == recount(self.scene.connection)


@pytest.fixture
def books(scene: EngineScene) -> Books:
    scene.use(chain(2))
    return Books(scene, scene.start().id)


def hand_in(scene: EngineScene, *outcomes: Outcome) -> list[bool]:
    return [each.accepted for each in run_batch(scene.connection, Batch([], outcomes, Options())).completed]


def outcome(claimed: Claimed, kind: Kind = Kind.DONE, **more: Any) -> Outcome:
    return Outcome(claimed.key, kind, claimed.fence, touches=claimed.plan.touches(*claimed.key[1:]), **more)


def test_every_call_is_there_once_however_often_it_is_handed_in(books: Books) -> None:
    scene = books.scene
    first = outcome(scene.claim_node(books.id, "n0"), **used(call(), call(cost=5)))
    assert hand_in(scene, first) == [True]
    assert hand_in(scene, first, first) == [True, True]
    books.check(cost=DOLLAR + 5, calls=2)
    scene.complete(scene.claim_node(books.id, "n1"))
    books.check(cost=DOLLAR + 5, calls=2)
    assert scene.execution(books.id)["ai_tokens"] == 20


def test_the_last_step_of_a_run_is_in_its_row_of_statistics(books: Books) -> None:
    books.scene.complete(books.scene.claim_node(books.id, "n0"))
    books.scene.complete(books.scene.claim_node(books.id, "n1"), **used(call()))
    books.check(cost=DOLLAR, calls=1)


def test_attempts_that_failed_count_each(scene: EngineScene) -> None:
    scene.use(definition(node("a", retry={"maxAttempts": 3, "initialMs": 1})))
    started = scene.start()
    (ref,), books = started.ready, Books(scene, started.id)
    for attempt in (1, 2):
        scene.complete(scene.claim(ref), Kind.FAILED, retryable=True, **FAILS, **used(call(attempt=attempt)))
        scene.connection.execute("UPDATE steps SET due_at = now() WHERE execution_id = %s", (books.id,))
        scene.wake()
    scene.complete(scene.claim(ref), **used(call(attempt=3)))
    books.check(cost=3 * DOLLAR, calls=3)
    items, _ = ai_usage.page(scene.connection, books.id, after=None, limit=10)
    assert sorted(item["attempt"] for item in items) == [1, 2, 3]


def test_a_stale_outcome_is_late_and_in_no_sum(books: Books) -> None:
    scene = books.scene
    claimed = scene.claim_node(books.id, "n0")
    stale = Outcome(claimed.key, Kind.DONE, claimed.fence + 1, **used(call()))
    assert hand_in(scene, stale, stale) == [False, False]
    assert hand_in(scene, stale) == [False]
    books.check(cost=0, calls=0, late=1)
    scene.complete(claimed, **used(call(cost=7)))
    books.check(cost=7, calls=1, late=1)


def test_a_worker_that_was_given_up_and_then_speaks_is_late(scene: EngineScene) -> None:
    scene.use(definition(node("a", onWorkerLost="fail")))
    books = Books(scene, scene.start().id)
    claimed = scene.claim_node(books.id, "a")
    hand_in(scene, Outcome(claimed.key, Kind.LOST, claimed.fence))
    assert scene.execution(books.id)["state"] == "failed"
    hand_in(scene, outcome(claimed, **used(call())))
    books.check(cost=0, calls=0, late=1)


def test_what_a_canceled_step_used_counts_also_after_the_end(scene: EngineScene) -> None:
    scene.use(
        definition(
            node("slow"),
            node("fast"),
            node("after", join="first"),
            edges=[edge("slow", "after"), edge("fast", "after")],
        )
    )
    books = Books(scene, scene.start().id)
    slow = scene.claim_node(books.id, "slow")
    scene.complete(scene.claim_node(books.id, "fast"))
    scene.complete(scene.claim_node(books.id, "after"))
    assert scene.execution(books.id)["state"] == "success"
    for _ in range(2):
        hand_in(scene, outcome(slow, Kind.STOPPED, **used(call())))
        books.check(cost=DOLLAR, calls=1)


def test_a_canceled_run_pays_for_what_was_on_its_way(books: Books) -> None:
    scene = books.scene
    claimed = scene.claim_node(books.id, "n0")
    with scene.connection.transaction():
        cancel_execution(scene.connection, books.id)
    hand_in(scene, outcome(claimed, Kind.STOPPED, **used(call())))
    assert scene.execution(books.id)["state"] == "canceled"
    books.check(cost=DOLLAR, calls=1)


def test_a_call_without_price_or_tokens_is_counted_as_such(books: Books) -> None:
    scene = books.scene
    unknown = AiCall(1, "openai", "mystery")
    scene.complete(scene.claim_node(books.id, "n0"), **used(unknown, call(cost=None)))
    books.check(cost=0, calls=2)
    assert ai_usage.totals(scene.connection, books.id)["unpricedCalls"] == 2
    step = ai_usage.of_step(scene.connection, books.id, "n0", "")
    assert [each["inputTokens"] for each in step["aiCalls"]] == [None, 7]
    assert ai_usage.of_step(scene.connection, books.id, "n1", "") == {}


def test_a_batch_of_many_runs_adds_each_its_own(scene: EngineScene) -> None:
    scene.use(chain(1))
    ids = [scene.start().id for _ in range(5)]
    outcomes = [outcome(scene.claim_node(id, "n0"), **used(call(cost=place))) for place, id in enumerate(ids)]
    hand_in(scene, *outcomes)
    assert [scene.execution(id)["ai_cost_nano"] for id in ids] == [0, 1, 2, 3, 4]
    assert counted(scene.connection) == recount(scene.connection)


def test_pages_of_the_ledger_meet(books: Books) -> None:
    scene = books.scene
    scene.complete(scene.claim_node(books.id, "n0"), **used(*[call(cost=place) for place in range(5)]))
    cursor, found = None, []
    while True:
        items, cursor = ai_usage.page(scene.connection, books.id, after=cursor, limit=2)
        found += items
        if cursor is None:
            break
    assert [round(item["costUsd"] * DOLLAR) for item in found] == [0, 1, 2, 3, 4]
    for odd in ("", "a:b", "a::x:1", "a::1:99999", f"a::{2**64}:1", "\x00::1:1"):
        with pytest.raises(ValueError):
            ai_usage.page(scene.connection, books.id, after=odd, limit=2)


def test_use_is_the_same_before_and_after_it_is_folded(books: Books) -> None:
    scene = books.scene
    key = budgets.BudgetKey("workflow", scene.workflow_id, "month")
    budgets.put(scene.connection, key, budgets.Limit(max_tokens=1_000), scene.user_id)
    scene.complete(scene.claim_node(books.id, "n0"), **used(call(), call(cost=None)))
    stale = Outcome((books.id, "n0", ""), Kind.DONE, 1, **used(call()))
    hand_in(scene, stale)
    (before,) = budgets.standings(scene.connection, books.id, None)
    assert (before.used_tokens, before.used_cost_nano) == (30, 2 * DOLLAR), "late ones were paid for too"
    assert budgets.fold(scene.connection) == 3
    assert budgets.standings(scene.connection, books.id, None) == [before]
    (page,) = budgets.page(scene.connection, limit=10)
    assert (page.used_tokens, page.unpriced) == (30, 1)
