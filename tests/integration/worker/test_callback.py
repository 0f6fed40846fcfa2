"""The callback node in a worker: an earlier step sends the address out, and one call ends the wait, whenever it comes."""

from collections.abc import Callable
from typing import Any

import psycopg
import pytest

from shared.broker import StepRef
from shared.callbacks import step_of
from shared.db.keys import callback_key
from shared.engine.callback import Call, Received, receive_call
from shared.engine.cancel import cancel_execution
from shared.engine.start import Started
from tests.factories import definition, node
from tests.integration.clockwork.scene import Scene
from tests.integration.engine.test_races import Racer, await_waiter
from tests.integration.worker.conftest import Pipeline

BROUGHT = '{"body": {"paid": true}, "headers": {}, "query": {}, "receivedAt": 1}'
TELL = "{{ execution.callbackUrls.paid }}"


def begin(scene: Scene, **params: Any) -> StepRef:
    """Start a run: `tell` sends the address of `paid` out, `paid` waits, `last` reads it."""
    wait = node("paid", "wait.callback", params, retry={"maxAttempts": 2, "initialMs": 0})
    last = node("last", params={"output": "{{ steps.paid.output.body.paid }}"})
    scene.use(definition(node("tell", params={"output": {"to": TELL}}), wait, last))
    return scene.start().ready[0]


def told(scene: Scene, ref: StepRef) -> str:
    """The address that `tell` sent out."""
    row = scene.one("SELECT output FROM execution_data WHERE execution_id = %s AND node = 'tell'", ref.execution_id)
    return str(row["output"]["to"])


def call(connection: psycopg.Connection[Any], scene: Scene, ref: StepRef) -> Call:
    key = step_of(callback_key(scene.connection), told(scene, ref).rpartition("/")[2])
    assert key == (ref.execution_id, "paid", "")
    with connection.transaction():
        return receive_call(connection, key, BROUGHT)


def paid(ref: StepRef) -> StepRef:
    return ref._replace(node="paid")


def ends_well(scene: Scene, pipeline: Pipeline, ref: StepRef) -> None:
    assert pipeline.follow(paid(ref)) == ["last"]
    pipeline.follow(ref._replace(node="last"))
    assert scene.execution(ref.execution_id)["state"] == "success"
    row = scene.one("SELECT output FROM execution_data WHERE execution_id = %s AND node = 'last'", ref.execution_id)
    assert row == {"output": True}


def test_one_call_ends_the_wait(scene: Scene, pipeline: Pipeline) -> None:
    ref = begin(scene)
    assert pipeline.follow(ref) == ["paid"]
    assert pipeline.follow(paid(ref)) == []
    first = call(scene.connection, scene, ref)
    assert first.received is Received.ACCEPTED
    assert first.applied is not None
    assert [ready.node for ready in first.applied.ready] == ["paid"]
    assert call(scene.connection, scene, ref) == Call(Received.REPEATED)
    ends_well(scene, pipeline, ref)
    assert call(scene.connection, scene, ref) == Call(Received.OVER)


def test_the_address_is_nowhere_to_be_read_but_where_it_was_sent(scene: Scene, pipeline: Pipeline) -> None:
    ref = begin(scene)
    pipeline.follow(ref)
    row = scene.one(
        "SELECT input::text FROM execution_data WHERE execution_id = %s AND node = 'tell'", ref.execution_id
    )
    assert row["input"].endswith('/hooks/callback/***"}}')
    everything = scene.one(
        "SELECT (SELECT json_agg(w) FROM waits w)::text AS t, (SELECT json_agg(l) FROM audit_log l)::text AS a"
    )
    assert told(scene, ref).rpartition("/")[2] not in str(everything)


@pytest.mark.parametrize("moment", ["before anything reached it", "ready", "running"])
def test_a_call_before_the_step_waits_is_kept_for_it(scene: Scene, pipeline: Pipeline, moment: str) -> None:
    ref = begin(scene)
    pipeline.follow(ref)
    if moment == "before anything reached it":
        scene.connection.execute("DELETE FROM steps WHERE node = 'paid'")
    claimed = scene.claim(paid(ref)) if moment == "running" else None
    assert call(scene.connection, scene, ref) == Call(Received.ACCEPTED)
    assert call(scene.connection, scene, ref) == Call(Received.REPEATED)
    if moment == "before anything reached it":
        again = scene.connection.execute(
            "INSERT INTO steps (execution_id, node, state, pool, ready_at, due_at) VALUES (%s, 'paid', 'ready', 'default', now(), now())",
            (ref.execution_id,),
        )
        assert again.rowcount == 1
    if claimed is not None:
        # What is running has asked nobody yet: its lease runs out, and the next one finds the call.
        scene.pass_time(60, paid(ref))
        assert scene.expire() == [paid(ref)]
    pipeline.follow(paid(ref))
    assert scene.step(paid(ref))["state"] == "waiting"
    assert scene.wake() == [paid(ref)], "it waits for no timer"
    ends_well(scene, pipeline, ref)


def test_a_call_that_meets_the_beginning_of_the_wait(
    scene: Scene, pipeline: Pipeline, other: Callable[[], psycopg.Connection[Any]]
) -> None:
    """The call holds the execution when the step hands in that it waits: the wait finds the call."""
    ref = begin(scene)
    pipeline.follow(ref)
    key = (ref.execution_id, "paid", "")
    calling = other()
    with calling.transaction():
        assert receive_call(calling, key, BROUGHT).received is Received.ACCEPTED
        # The claim does not lock the execution, the outcome does.
        racer = Racer(lambda: pipeline.follow(paid(ref)))
        await_waiter(scene.connection)
    assert racer.join() == []
    assert scene.wake() == [paid(ref)]
    ends_well(scene, pipeline, ref)


def test_two_calls_at_the_same_moment(
    scene: Scene, pipeline: Pipeline, other: Callable[[], psycopg.Connection[Any]]
) -> None:
    ref = begin(scene)
    pipeline.follow(ref)
    pipeline.follow(paid(ref))
    one, two = other(), other()
    with one.transaction():
        assert receive_call(one, (ref.execution_id, "paid", ""), BROUGHT).received is Received.ACCEPTED
        racer = Racer(lambda: call(two, scene, ref))
        await_waiter(scene.connection)
    assert racer.join() == Call(Received.REPEATED)


def test_its_time_is_over_then_a_retry_waits_again(scene: Scene, pipeline: Pipeline) -> None:
    ref = begin(scene, timeoutMs=50_000)
    pipeline.follow(ref)
    for attempt in ("first", "last"):
        pipeline.follow(paid(ref))
        scene.pass_time(60, paid(ref))
        assert scene.wake() == [paid(ref)]
        assert call(scene.connection, scene, ref) == Call(Received.OVER), "the timer was first"
        pipeline.follow(paid(ref))
        if attempt == "first":
            assert scene.wake() == [paid(ref)]
    assert scene.step(paid(ref))["error_code"] == "CALLBACK_TIMEOUT"


def test_a_call_between_two_attempts_is_for_the_second(scene: Scene, pipeline: Pipeline) -> None:
    ref = begin(scene, timeoutMs=50_000)
    pipeline.follow(ref)
    pipeline.follow(paid(ref))
    scene.pass_time(60, paid(ref))
    scene.wake()
    pipeline.follow(paid(ref))
    assert scene.step(paid(ref))["state"] == "retrying"
    assert call(scene.connection, scene, ref) == Call(Received.ACCEPTED)
    assert scene.wake() == [paid(ref)]
    pipeline.follow(paid(ref))
    assert scene.wake() == [paid(ref)]
    ends_well(scene, pipeline, ref)


def test_it_can_go_on_without_a_call(scene: Scene, pipeline: Pipeline) -> None:
    ref = begin(scene, timeoutMs=50_000, onTimeout="continue")
    pipeline.follow(ref)
    pipeline.follow(paid(ref))
    scene.pass_time(60, paid(ref))
    scene.wake()
    assert pipeline.follow(paid(ref)) == ["last"]


def test_a_call_after_a_cancel_is_too_late(scene: Scene, pipeline: Pipeline) -> None:
    ref = begin(scene)
    pipeline.follow(ref)
    cancel_execution(scene.connection, ref.execution_id)
    assert call(scene.connection, scene, ref) == Call(Received.OVER)


def test_each_item_of_a_loop_has_an_address_of_its_own(scene: Scene, pipeline: Pipeline) -> None:
    tell, wait = node("tell", params={"output": TELL}), node("paid", "wait.callback")
    loop = {"id": "loop", "forEach": ["a", "b"], "maxParallel": 2, "nodes": [tell, wait]}
    scene.use({"schema": 1, "containers": [loop]})
    started = scene.start()
    assert pipeline.drain(started) > 2
    assert scene.execution(started.id)["state"] == "waiting"
    rows = scene.connection.execute("SELECT output #>> '{}' FROM execution_data WHERE node = 'tell' ORDER BY item")
    keys = [step_of(callback_key(scene.connection), url.rpartition("/")[2]) for (url,) in rows.fetchall()]
    assert keys == [(started.id, "paid", item) for item in ("000000", "000001")]
    for key in keys:
        assert key is not None
        taken = receive_call(scene.connection, key, BROUGHT)
        assert taken.applied is not None
        pipeline.drain(Started(started.id, taken.applied.ready))
    assert scene.execution(started.id)["state"] == "success"
