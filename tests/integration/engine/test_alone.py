"""Outcomes decided before their lock: one round trip, the same rows as with locks, and nothing at all where somebody was quicker."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from shared.db.wire import Wire
from shared.domain.outcome import Kind
from shared.engine.batch import Batch, Options, run_batch
from shared.engine.cancel import CancelResult, cancel_execution
from shared.engine.known import forget_executions
from shared.engine.requests import Claim, Claimed, Completed
from tests.factories import chain, definition, diamond, edge, node
from tests.integration.engine.conftest import EngineScene
from tests.integration.engine.test_races import Open, Racer, await_waiter

ROUTE = definition(
    node("a"),
    node("b", "branch", {"condition": True}),
    node("c"),
    node("d"),
    edges=[edge("a", "b"), edge("b", "c", "true"), edge("b", "d", "false")],
)
TIMES = ("created_at", "started_at", "completed_at", "ready_at", "due_at", "begun_at", "deadline_at", "duration_ms")


@pytest.fixture
def round_trips(monkeypatch: pytest.MonkeyPatch) -> Callable[[], int]:
    """How many there were since the last call."""
    count = 0
    real = Wire.round_trip

    def counted(wire: Wire) -> None:
        nonlocal count
        count += 1
        real(wire)

    monkeypatch.setattr(Wire, "round_trip", counted)

    def since() -> int:
        nonlocal count
        found, count = count, 0
        return found

    return since


def run(scene: EngineScene, *, locked: bool, **last: Any) -> list[Any]:
    """Run to the end, step by step; every row that the execution has then, without ids and times."""
    started = scene.start()
    ready = list(started.ready)
    while ready:
        claimed = scene.claim(ready.pop())
        if locked:
            forget_executions()
        port = "true" if claimed.node.type == "branch" else None
        more = last if claimed.node.id == "n2" else {}
        ready += scene.complete(claimed, port=port, input='{"in": 1}', output='{"out": 1}', **more).ready
    wanted = (
        ("executions", f"id = '{started.id}'", ("id",)),
        ("steps", f"execution_id = '{started.id}'", ("execution_id", "tx", "fence")),
        ("execution_data", f"execution_id = '{started.id}'", ("execution_id",)),
        ("stats_delta", "true", ("id", "queue_wait_ms", "run_id")),
    )
    rows = []
    for table, condition, ids in wanted:
        found = scene.connection.execute(f"SELECT to_jsonb(t) FROM {table} t WHERE {condition} ORDER BY t::text")
        for (row,) in found.fetchall():
            kept = {name: value for name, value in row.items() if name not in (*ids, *TIMES)}
            kept |= {name: row[name] is not None for name in TIMES if name in row}
            rows.append((table, kept))
    scene.connection.execute("DELETE FROM stats_delta")
    return sorted(rows, key=str)


@pytest.mark.parametrize(
    ("which", "last"),
    [(chain(3), {}), (chain(4), {"ai_tokens": 7, "api_calls": 2}), (ROUTE, {}), (diamond(), {})],
    ids=["chain", "tokens", "branch", "diamond"],
)
def test_both_ways_leave_the_same_rows(scene: EngineScene, which: Any, last: Any) -> None:
    scene.use(which)
    assert run(scene, locked=False, **last) == run(scene, locked=True, **last)


def test_it_takes_one_round_trip(scene: EngineScene, round_trips: Callable[[], int]) -> None:
    scene.use(chain(3))
    first = scene.claim(scene.start().ready[0])
    round_trips()
    ready = scene.complete(first, output="1").ready
    assert ([ref.node for ref in ready], round_trips()) == (["n1"], 1)
    second = scene.claim(ready[0])
    other = scene.claim(scene.start().ready[0])
    round_trips()
    batch = run_batch(scene.connection, Batch([], [scene.done(second), scene.done(other)], Options()))
    assert ([done.ready[0].node for done in batch.completed], round_trips()) == (["n2", "n1"], 1)


def test_steps_with_others_beside_them_and_joins_take_their_locks(
    scene: EngineScene, round_trips: Callable[[], int]
) -> None:
    scene.use(diamond())
    started = scene.start()
    ready = scene.complete(scene.claim(started.ready[0])).ready
    left, right = (scene.claim(ref) for ref in ready)
    round_trips()
    assert scene.complete(left).ready == ()
    assert round_trips() == 2
    assert [ref.node for ref in scene.complete(right).ready] == ["join"]
    assert round_trips() == 2


def test_a_cancel_between_claim_and_outcome_is_seen(scene: EngineScene, other: Open) -> None:
    claimed = scene.claim(scene.start().ready[0])
    assert cancel_execution(other(), claimed.key[0]) is CancelResult.CANCELING
    assert scene.complete(claimed).ready == ()
    execution = scene.execution(claimed.key[0])
    assert (execution["state"], execution["open_steps"], scene.states(claimed.key[0])) == (
        "canceled",
        0,
        {"a": "success"},
    )


def test_a_cancel_that_commits_while_the_outcome_waits_is_seen(scene: EngineScene, other: Open) -> None:
    claimed = scene.claim(scene.start().ready[0])
    canceling, completing = other(), other()
    with canceling.transaction():
        assert cancel_execution(canceling, claimed.key[0]) is CancelResult.CANCELING
        racer = Racer(lambda: run_batch(completing, Batch([], [scene.done(claimed)], Options())).completed[0])
        await_waiter(scene.connection)
    assert racer.join() == Completed(claimed.key, accepted=True)
    assert scene.execution(claimed.key[0])["state"] == "canceled"
    assert scene.states(claimed.key[0]) == {"a": "success"}


def test_the_outcome_of_a_lost_attempt_changes_nothing(scene: EngineScene, other: Open) -> None:
    """Its step was given to another process: this one's memory of the execution is of its own claim."""
    ref = scene.start().ready[0]
    lost = scene.claim(ref)
    scene.pass_time(60, ref)
    assert [each.node for each in scene.expire()] == ["a"]
    claimed = run_batch(other(), Batch([Claim(lost.key, 5)], [], Options())).claimed[0]
    assert isinstance(claimed, Claimed)
    before = scene.execution(lost.key[0])
    assert not scene.complete(lost, output='"late"').accepted
    assert scene.execution(lost.key[0]) == before
    assert [each.node for each in scene.complete(claimed).ready] == ["b"]


def test_an_outcome_in_doubt_finds_itself(scene: EngineScene) -> None:
    claimed = scene.claim(scene.start().ready[0])
    first, again = scene.complete(claimed), scene.complete(claimed)
    assert first.accepted
    assert again == first
    assert scene.execution(claimed.key[0])["steps_executed"] == 1


def test_a_stale_outcome_does_not_hold_up_its_batch(scene: EngineScene, other: Open) -> None:
    stale, good = (scene.claim(scene.start().ready[0]) for _ in range(2))
    cancel_execution(other(), stale.key[0])
    claim = Claim((*scene.start().ready[0][:3],), 3)
    outcomes = [scene.done(stale), scene.done(good), scene.done(replace(good, fence=good.fence + 1))]
    batch = run_batch(scene.connection, Batch([claim], outcomes[:2], Options()))
    assert isinstance(batch.claimed[0], Claimed)
    assert [(done.accepted, len(done.ready)) for done in batch.completed] == [(True, 0), (True, 1)]
    assert batch.ended == {stale.key[0]: "canceled"}
    assert batch.touched == {stale.key[0], good.key[0], claim.key[0]}
    assert not run_batch(scene.connection, Batch([], outcomes[2:], Options())).completed[0].accepted


def test_a_failure_takes_its_locks(scene: EngineScene, round_trips: Callable[[], int]) -> None:
    claimed = scene.claim(scene.start().ready[0])
    round_trips()
    scene.complete(claimed, Kind.FAILED, error='{"code": "X"}', error_code="X")
    assert round_trips() > 1
    assert scene.execution(claimed.key[0])["state"] == "failed"
