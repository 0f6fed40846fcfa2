"""Waits that end from outside: once, with their answer, whoever comes first."""

from collections.abc import Callable
from typing import Any

import psycopg
import pytest

from shared.db import waits
from shared.domain.errors import Conflict
from shared.domain.outcome import Ask, Kind, Outcome
from shared.engine.answer import answer_step
from shared.engine.cancel import CancelResult, cancel_execution
from shared.engine.complete import Applied, apply
from shared.engine.requests import Claimed
from tests.factories import definition, node
from tests.integration.engine.conftest import EngineScene
from tests.integration.engine.test_races import Racer, await_waiter

Open = Callable[[], psycopg.Connection[Any]]
ASK = Ask("approval", "Pay?", ("ada@example.com",))


def asking(scene: EngineScene, *, due_s: float | None = None) -> Claimed:
    """A run whose first step asks and waits."""
    claimed = scene.claim(scene.start().ready[0])
    scene.complete(claimed, Kind.WAIT, due_s=due_s, ask=ASK)
    return claimed


def give(connection: psycopg.Connection[Any], claimed: Claimed, answer: str = '{"n":1}') -> Applied | None:
    with connection.transaction():
        return answer_step(connection, claimed.key, "approval", answer)


def test_a_wait_without_a_timer_ends_with_its_answer(scene: EngineScene) -> None:
    claimed = asking(scene)
    ref = scene.start().ready[0]._replace(execution_id=claimed.key[0])
    step, execution = scene.step(ref), scene.execution(claimed.key[0])
    assert (step["state"], step["due_at"], step["resumed"]) == ("waiting", None, True)
    assert (execution["state"], execution["open_steps"], execution["waiting_steps"]) == ("waiting", 1, 1)
    found = waits.find(scene.connection, claimed.key)
    assert found is not None
    assert (found.kind, found.message, found.approvers, found.closed_at) == ("approval", "Pay?", [*ASK.approvers], None)

    applied = give(scene.connection, claimed)

    assert applied is not None
    assert [ready.node for ready in applied.ready] == ["a"]
    execution = scene.execution(claimed.key[0])
    assert (execution["state"], execution["open_steps"], execution["waiting_steps"]) == ("running", 1, 0)
    again = scene.claim(applied.ready[0])
    assert again.resumed
    assert waits.answer_of(scene.connection, again.key) == {"n": 1}
    assert [ready.node for ready in scene.complete(again).ready] == ["b"]


def test_the_second_answer_changes_nothing(scene: EngineScene) -> None:
    claimed = asking(scene)
    assert give(scene.connection, claimed, "1") is not None
    revision = scene.execution(claimed.key[0])["revision"]
    assert give(scene.connection, claimed, "2") is None
    assert waits.answer_of(scene.connection, claimed.key) == 1
    assert scene.execution(claimed.key[0])["revision"] == revision


def test_two_answer_at_the_same_moment(scene: EngineScene, other: Open) -> None:
    """Both hold the question in their hands; the second one waits for the first, and is too late."""
    claimed = asking(scene)
    one, two = other(), other()
    with one.transaction():
        assert answer_step(one, claimed.key, "approval", "1") is not None
        racer = Racer(lambda: give(two, claimed, "2"))
        await_waiter(scene.connection)
    assert racer.join() is None
    assert waits.answer_of(scene.connection, claimed.key) == 1
    assert scene.execution(claimed.key[0])["waiting_steps"] == 0


@pytest.mark.parametrize("cancel_first", [True, False])
def test_an_answer_against_a_cancel(scene: EngineScene, other: Open, *, cancel_first: bool) -> None:
    claimed = asking(scene)
    one, two = other(), other()
    moves: list[Callable[[psycopg.Connection[Any]], Any]] = [
        lambda connection: cancel_execution(connection, claimed.key[0]),
        lambda connection: answer_step(connection, claimed.key, "approval", "1"),
    ]
    first, second = moves if cancel_first else reversed(moves)

    def late() -> Any:
        with two.transaction():
            return second(two)

    with one.transaction():
        assert first(one)
        racer = Racer(late)
        await_waiter(scene.connection)
    assert racer.join() == (None if cancel_first else CancelResult.CANCELED)
    assert scene.execution(claimed.key[0])["state"] == "canceled"
    found = waits.find(scene.connection, claimed.key)
    assert found is not None
    assert found.closed_at is not None
    assert (found.answered_at is None) is cancel_first


def test_a_timer_against_an_answer(scene: EngineScene, other: Open) -> None:
    """The timer has run out, and nobody has looked at it yet: the answer still counts, and the timer comes too late."""
    claimed = asking(scene, due_s=0.0)
    one, two = other(), other()
    with one.transaction():
        assert answer_step(one, claimed.key, "approval", "1") is not None
        racer = Racer(lambda: apply(two, [Outcome(claimed.key, Kind.DUE)]).accepted)
        await_waiter(scene.connection)
    assert racer.join() == 0


def test_a_wait_that_asks_nothing_takes_no_answer(scene: EngineScene) -> None:
    claimed = scene.claim(scene.start().ready[0])
    scene.complete(claimed, Kind.WAIT, due_s=60.0)
    with pytest.raises(Conflict):
        give(scene.connection, claimed)
    assert scene.execution(claimed.key[0])["state"] == "waiting"


def test_only_the_wait_of_one_attempt_is_ended_by_its_fence(scene: EngineScene) -> None:
    claimed = asking(scene)
    late = Outcome(claimed.key, Kind.RESUMED, claimed.fence + 1)
    assert apply(scene.connection, [late]).accepted == 0
    assert apply(scene.connection, [Outcome(claimed.key, Kind.RESUMED, claimed.fence)]).accepted == 1


def test_a_failing_sibling_closes_the_question(scene: EngineScene) -> None:
    scene.use(definition(node("a"), node("b"), node("z"), edges=[{"from": "a", "to": "z"}]))
    started = scene.start()
    asks, fails = (scene.claim_node(started.id, name) for name in ("a", "b"))
    scene.complete(asks, Kind.WAIT, ask=ASK)
    scene.complete(fails, Kind.FAILED, error_code="X", error='{"code":"X"}')
    assert scene.execution(started.id)["state"] == "failed"
    assert scene.one("SELECT count(*) AS n FROM waits WHERE closed_at IS NULL") == {"n": 0}


def test_a_retry_begins_anew_and_asks_again(scene: EngineScene) -> None:
    retry = {"maxAttempts": 2, "initialMs": 0}
    scene.use(definition(node("a", retry=retry)))
    claimed = asking(scene)
    applied = give(scene.connection, claimed)
    assert applied is not None
    again = scene.claim(applied.ready[0])
    assert again.resumed
    scene.complete(again, Kind.FAILED, retryable=True, error_code="X", error='{"code":"X"}')
    (ref,) = scene.wake()
    third = scene.claim(ref)
    assert not third.resumed


def test_a_worker_lost_after_the_answer_leaves_it_to_the_next(scene: EngineScene) -> None:
    claimed = asking(scene)
    applied = give(scene.connection, claimed)
    assert applied is not None
    scene.claim(applied.ready[0])
    scene.pass_time(60, applied.ready[0])
    (ref,) = scene.expire()
    assert scene.claim(ref).resumed
    assert waits.answer_of(scene.connection, claimed.key) == {"n": 1}
