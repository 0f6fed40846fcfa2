"""A token that was spent is counted once, also by an attempt whose step was canceled while the run went on."""

from typing import Any

import pytest

from shared.db.stats import fold
from shared.domain.outcome import Kind, Outcome
from shared.engine.batch import Batch, Options, run_batch
from shared.engine.requests import Claimed
from shared.queries.stats import counted, overview, recount
from tests.factories import node
from tests.integration.engine.conftest import EngineScene

FAILED = {"error_code": "X", "error": '{"code":"X","message":"no"}'}
USED = {"ai_tokens": 7, "api_calls": 2}

# `bad` fails while `slow` runs; the scope goes on with `after`.
SCOPE: dict[str, Any] = {
    "schema": 1,
    "containers": [
        {"id": "scope", "onError": "continue", "nodes": [node("start"), node("bad"), node("slow")]},
        {"id": "rest", "nodes": [node("after")]},
    ],
    "edges": [
        {"from": "start", "to": "bad"},
        {"from": "start", "to": "slow"},
        {"from": "scope", "to": "after"},
    ],
}
RACE: dict[str, Any] = {
    "schema": 1,
    "containers": [{"id": "main", "nodes": [node("slow"), node("fast"), node("after", join="first")]}],
    "edges": [{"from": "slow", "to": "after"}, {"from": "fast", "to": "after"}],
}


class Late:
    """A run in which `slow` runs while another step makes it needless."""

    def __init__(self, scene: EngineScene, definition: dict[str, Any]) -> None:
        self.scene = scene
        scene.use(definition)
        started = scene.start()
        self.id = started.id
        if definition is SCOPE:
            scene.complete(scene.claim_node(self.id, "scope"), Kind.OPEN)
            scene.complete(scene.claim_node(self.id, "start"))
        self.slow = scene.claim_node(self.id, "slow")
        other = scene.claim_node(self.id, "bad" if definition is SCOPE else "fast")
        self.decisive = self.outcome(other, *((Kind.FAILED, FAILED) if definition is SCOPE else (Kind.DONE, {})))
        self.stopped = self.outcome(self.slow, Kind.STOPPED, USED)

    @staticmethod
    def outcome(claimed: Claimed, kind: Kind, more: dict[str, Any]) -> Outcome:
        return Outcome(claimed.key, kind, claimed.fence, touches=claimed.plan.touches(*claimed.key[1:]), **more)

    def hand_in(self, *outcomes: Outcome) -> list[bool]:
        batch = run_batch(self.scene.connection, Batch([], outcomes, Options()))
        return [each.accepted for each in batch.completed]

    def finish(self) -> None:
        self.scene.complete(self.scene.claim_node(self.id, "after"), ai_tokens=1)
        assert self.scene.execution(self.id)["state"] == "success"

    def check(self, tokens: int, calls: int) -> None:
        row = self.scene.execution(self.id)
        assert (row["ai_tokens"], row["api_calls"]) == (tokens, calls)
        step = self.scene.one("SELECT * FROM steps WHERE execution_id = %s AND node = 'slow'", self.id)
        assert (step["state"], step["ai_tokens"], step["api_calls"]) == ("canceled", 7, 2)
        assert counted(self.scene.connection) == recount(self.scene.connection)


@pytest.fixture(params=[SCOPE, RACE], ids=["scope", "race"])
def late(scene: EngineScene, request: pytest.FixtureRequest) -> Late:
    return Late(scene, request.param)


def test_an_outcome_while_the_run_goes_on(late: Late) -> None:
    late.hand_in(late.decisive)
    assert late.scene.states(late.id)["slow"] == "canceled"
    assert late.hand_in(late.stopped) == [True]
    late.hand_in(late.stopped)
    late.check(7, 2)
    late.finish()
    late.check(8, 2)


@pytest.mark.parametrize("folded", [True, False])
def test_an_outcome_after_the_end_of_the_run(late: Late, *, folded: bool) -> None:
    late.hand_in(late.decisive)
    late.finish()
    before = overview(late.scene.connection)
    if folded:
        fold(late.scene.connection)
    late.hand_in(late.stopped)
    late.hand_in(late.stopped)
    late.check(8, 2)
    after = overview(late.scene.connection)
    assert after == before | {"aiTokensUsed": 8, "apiCallsMade": 2}
    fold(late.scene.connection)
    late.check(8, 2)
    assert overview(late.scene.connection) == after


def test_both_in_one_batch(late: Late) -> None:
    assert late.hand_in(late.decisive, late.stopped) == [True, True]
    late.check(7, 2)
    late.finish()
    late.check(8, 2)


def test_what_it_has_finished_before_counts_as_usual(late: Late) -> None:
    late.hand_in(late.outcome(late.slow, Kind.DONE, USED), late.decisive)
    row = late.scene.execution(late.id)
    assert (row["ai_tokens"], row["api_calls"]) == (7, 2)
    assert late.scene.states(late.id)["slow"] == "success"


def test_a_step_that_succeeded_too_late_is_canceled_and_paid_for(late: Late) -> None:
    late.hand_in(late.decisive)
    late.hand_in(late.outcome(late.slow, Kind.DONE, USED | {"output": '"too late"'}))
    late.check(7, 2)


def test_a_stale_attempt_is_counted_nowhere(late: Late) -> None:
    late.hand_in(late.decisive)
    strange = Outcome(late.slow.key, Kind.STOPPED, late.slow.fence + 1, **USED)
    assert late.hand_in(strange) == [False]
    assert late.scene.execution(late.id)["ai_tokens"] == 0


def test_the_stop_of_a_whole_run_is_counted_once_as_ever(scene: EngineScene) -> None:
    late = Late(scene, RACE)
    scene.connection.execute("UPDATE executions SET stopping = 'cancel' WHERE id = %s", (late.id,))
    late.hand_in(late.stopped)
    late.hand_in(late.stopped)
    assert scene.execution(late.id)["ai_tokens"] == 7
