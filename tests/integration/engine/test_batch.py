"""The protocol on a real Postgres: claims, fences, joins in one batch and in two, failures, exact statistics."""

from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest

from services.worker.parameters import evaluate
from shared.db.partitions import ensure_week, monday
from shared.domain.outcome import Kind, Outcome
from shared.engine.batch import Batch, Options, run_batch
from shared.engine.complete import apply
from shared.engine.requests import Claim, Claimed, NotClaimed, Value
from shared.queries.stats import recount
from tests.factories import definition, diamond, node
from tests.integration.engine.conftest import EngineScene

FORK = {
    "schema": 1,
    "containers": [
        {"id": "c", "nodes": [{"id": n, "type": "transform", "params": {"output": n}} for n in ("a", "b", "d", "z")]}
    ],
    "edges": [{"from": n, "to": "z"} for n in ("a", "b", "d")],
}


def test_a_chain_runs_to_its_end(scene: EngineScene) -> None:
    started = scene.start()
    assert scene.execution(started.id)["state"] == "queued"
    first = scene.claim(started.ready[0])
    execution = scene.execution(started.id)
    assert (execution["state"], execution["started_at"] is not None) == ("running", True)
    completed = scene.complete(first, output='{"x": 1}')
    assert [ref.node for ref in completed.ready] == ["b"]
    scene.complete(scene.claim(completed.ready[0]))
    ended = scene.execution(started.id)
    assert (ended["state"], ended["open_steps"], ended["steps_executed"]) == ("success", 0, 2)
    assert scene.one("SELECT count(*) AS n FROM stats_delta")["n"] == 1


def test_a_second_claim_finds_nothing(scene: EngineScene) -> None:
    ref = scene.start().ready[0]
    first = scene.claim(ref)
    again = run_batch(scene.connection, Batch([Claim(first.key, 12345)], [], Options())).claimed[0]
    assert again == NotClaimed(first.key)
    scene.complete(first)
    late = run_batch(scene.connection, Batch([Claim(first.key, 12345)], [], Options())).claimed[0]
    assert late == NotClaimed(first.key)


def test_a_repeated_claim_finds_its_own_fence(scene: EngineScene) -> None:
    """The commit was in doubt and the batch runs again: same fence, same claim, no second attempt."""
    claim = Claim((*scene.start().ready[0][:3],), 777)
    answers = [run_batch(scene.connection, Batch([claim], [], Options())).claimed[0] for _ in range(2)]
    assert all(isinstance(answer, Claimed) and answer.attempt == 1 for answer in answers)


def test_a_stale_fence_changes_nothing(scene: EngineScene) -> None:
    started = scene.start()
    claimed = scene.claim(started.ready[0])
    before = scene.step(started.ready[0])["tx"], scene.execution(started.id)
    stale = Outcome(claimed.key, Kind.DONE, claimed.fence + 1, output='"wrong"')
    completed = run_batch(scene.connection, Batch([], [stale], Options())).completed[0]
    assert not completed.accepted
    assert (scene.step(started.ready[0])["tx"], scene.execution(started.id)) == before
    first = scene.complete(claimed)
    after = scene.step(started.ready[0])["tx"], scene.execution(started.id)
    again = scene.complete(claimed)
    assert (first.accepted, again) == (True, first), "a commit in doubt finds itself, with what it made ready"
    assert (scene.step(started.ready[0])["tx"], scene.execution(started.id)) == after, "and counts once"


@pytest.mark.parametrize("batches", [[["a", "b", "d"]], [["a"], ["b"], ["d"]], [["d", "a"], ["b"]]])
def test_a_join_is_released_once_however_outcomes_are_grouped(scene: EngineScene, batches: list[list[str]]) -> None:
    scene.use(FORK)
    started = scene.start()
    claimed = {node: scene.claim_node(started.id, node) for node in ("a", "b", "d")}
    ready = []
    for group in batches:
        batch = run_batch(scene.connection, Batch([], [scene.done(claimed[node]) for node in group], Options()))
        ready += [ref.node for done in batch.completed for ref in done.ready]
    assert ready == ["z"]
    step = scene.one("SELECT arrived, taken, state FROM steps WHERE node = 'z'")
    assert step == {"arrived": 3, "taken": 3, "state": "ready"}
    assert scene.execution(started.id)["open_steps"] == 1


def test_claims_and_outcomes_share_a_transaction(scene: EngineScene) -> None:
    scene.use(diamond())
    first, second = scene.start(), scene.start()
    claimed = scene.claim(first.ready[0])
    batch = run_batch(
        scene.connection, Batch([Claim((*second.ready[0][:3],), 5)], [scene.done(claimed, output="1")], Options())
    )
    assert isinstance(batch.claimed[0], Claimed)
    assert batch.completed[0].accepted
    assert batch.touched == {first.id, second.id}


def test_a_failed_step_stops_its_siblings(scene: EngineScene) -> None:
    scene.use(FORK)
    started = scene.start()
    running, failing = scene.claim_node(started.id, "a"), scene.claim_node(started.id, "b")
    scene.complete(failing, Kind.FAILED, error='{"code": "BOOM"}', error_code="BOOM")
    assert scene.states(started.id) == {"a": "running", "b": "failed", "d": "canceled"}
    execution = scene.execution(started.id)
    assert (execution["state"], execution["stopping"], execution["failed_node"]) == ("running", "fail", "b")
    scene.complete(running)
    ended = scene.execution(started.id)
    assert (ended["state"], ended["open_steps"]) == ("failed", 0)
    assert "z" not in scene.states(started.id)


def test_a_retry_keeps_the_failed_attempt(scene: EngineScene) -> None:
    nodes = [{"id": "a", "type": "transform", "params": {"output": 1}, "retry": {"maxAttempts": 2, "jitter": False}}]
    scene.use({"schema": 1, "containers": [{"id": "c", "nodes": nodes}]})
    ref = scene.start().ready[0]
    scene.complete(scene.claim(ref), Kind.FAILED, error='{"code": "X"}', error_code="X", retryable=True, jitter=0.5)
    step = scene.step(ref)
    assert (step["state"], step["failures"]) == ("retrying", 1)
    assert 0 < step["due_s"] <= 1.0
    assert scene.one("SELECT number, state, error::text AS e FROM step_attempts") == {
        "number": 1,
        "state": "failed",
        "e": '{"code": "X"}',
    }


def test_statistics_equal_a_recount(scene: EngineScene) -> None:
    for last in (Kind.DONE, Kind.FAILED, Kind.DONE):
        scene.run_through(last=last)
    deltas = scene.one(
        "SELECT count(*) FILTER (WHERE state = 'success') AS success, count(*) FILTER (WHERE state = 'failed') AS failed"
        " FROM stats_delta"
    )
    assert deltas == {"success": 2, "failed": 1}
    assert recount(scene.connection)


def test_the_next_step_reads_the_fallback_and_the_error(scene: EngineScene) -> None:
    reader = {"output": ["{{ steps.a.output }}", "{{ steps.a.error.code }}"]}
    scene.use(definition(node("a", onError="continue", fallback={"items": []}), node("b", params=reader)))
    started = scene.start()
    failed = scene.complete(
        scene.claim(started.ready[0]), Kind.FAILED, error='{"code":"BOOM"}', error_code="BOOM", input="{}"
    )
    claimed = scene.claim(failed.ready[0])
    assert claimed.values["a"] == Value('{"items":[]}', '{"code":"BOOM"}')
    assert evaluate(claimed) == {"output": [{"items": []}, "BOOM"]}
    scene.complete(claimed, output="1")
    assert scene.execution(started.id)["state"] == "success"
    row = scene.one("SELECT output::text AS o, error::text AS e FROM execution_data WHERE node = 'a'")
    assert row == {"o": '{"items":[]}', "e": '{"code":"BOOM"}'}


def test_a_week_without_partitions_has_nothing_to_claim_or_to_end(scene: EngineScene) -> None:
    gone = UUID(int=5 << 80), "a", ""
    batch = run_batch(scene.connection, Batch([Claim(gone, 1)], [Outcome(gone, Kind.DONE, 1)], Options()))
    assert batch.claimed == [NotClaimed(gone)]
    assert [done.accepted for done in batch.completed] == [False]


def test_outcomes_of_two_weeks_are_applied_one_week_after_the_other(scene: EngineScene) -> None:
    old = monday(datetime.now(UTC)) - timedelta(weeks=30)
    with scene.connection.transaction():
        ensure_week(scene.connection, old)
    claimed = [scene.claim(scene.start().ready[0])]
    ref = scene.start().ready[0]
    at = UUID(bytes=uuid_floor(old) + ref.execution_id.bytes[6:])
    for table, column in (("executions", "id"), ("steps", "execution_id"), ("execution_data", "execution_id")):
        scene.connection.execute(f"UPDATE {table} SET {column} = %s WHERE {column} = %s", (at, ref.execution_id))
    claimed.append(scene.claim(ref._replace(execution_id=at)))
    applied = apply(scene.connection, [scene.done(each, output="1") for each in claimed])
    assert (applied.accepted, len(applied.ready)) == (2, 2)
    assert applied.touched == {each.key[0] for each in claimed}


def uuid_floor(at: datetime) -> bytes:
    """The first bytes of every execution id of a moment."""
    return int(at.timestamp() * 1000).to_bytes(6, "big")


def test_the_budget_of_attempts_counts_from_the_first_one(scene: EngineScene) -> None:
    """Three attempts fit into ten seconds; the fourth would begin later."""
    retry = {"maxAttempts": 10, "backoff": "fixed", "initialMs": 100, "jitter": False, "maxElapsedMs": 10_000}
    scene.use(definition(node("a", "simulate", {"durationMs": 1}, retry=retry)))
    ref = scene.start().ready[0]
    for attempt in (1, 2, 3):
        claimed = scene.claim(ref)
        assert claimed.attempt == attempt
        scene.connection.execute(
            "UPDATE steps SET started_at = started_at - s, begun_at = begun_at - s FROM make_interval(secs => 4) AS s"
        )
        scene.complete(claimed, Kind.FAILED, error_code="X", error='{"code":"X","message":"x"}', retryable=True)
        row = scene.step(ref)
        if attempt < 3:
            assert row["state"] == "retrying"
            scene.pass_time(1, ref)
            apply(scene.connection, [Outcome(claimed.key, Kind.DUE, None)])
    assert (row["state"], row["attempt"], row["error_code"]) == ("failed", 3, "X")
    assert scene.execution(ref.execution_id)["state"] == "failed"
