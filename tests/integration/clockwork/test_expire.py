"""Lost workers: what they ran is taken back, three times at most."""

from shared.db.pool import connect
from shared.domain.outcome import Kind
from shared.engine.cancel import cancel_execution
from shared.engine.expire import expire_worker, lost_steps
from shared.engine.isolate import apply_isolated
from shared.engine.sweep import defer_running
from tests.integration.clockwork.scene import Scene

LEASE_S = 16.0


def test_lost_step_is_ready_again_and_its_attempt_is_kept(scene: Scene) -> None:
    ref = scene.start().ready[0]
    claimed = scene.claim(ref)
    assert scene.expire() == []
    scene.pass_time(LEASE_S, ref)
    assert scene.expire() == [ref]
    step = scene.step(ref)
    assert (step["state"], step["lost"], step["fence"]) == ("ready", 1, None)
    attempt = scene.one("SELECT * FROM step_attempts")
    assert (attempt["number"], attempt["worker"], attempt["error"]["code"]) == (1, "w1", "WORKER_LOST")
    assert not scene.complete(claimed).accepted
    assert scene.claim(ref).attempt == 2


def test_third_loss_fails_the_execution(scene: Scene) -> None:
    started = scene.start()
    ref = started.ready[0]
    for expected in ([ref], [ref], []):
        scene.claim(ref)
        scene.pass_time(LEASE_S, ref)
        assert scene.expire() == expected
    assert scene.step(ref)["state"] == "failed"
    execution = scene.execution(started.id)
    assert (execution["state"], execution["failed_node"], execution["open_steps"]) == ("failed", "a", 0)
    error = scene.one("SELECT error FROM execution_data WHERE node = 'a'")["error"]
    assert error["code"] == "WORKER_LOST"


def test_node_that_must_not_run_twice_fails_at_the_first_loss(database_url: str) -> None:
    scene = Scene(database_url, onWorkerLost="fail")
    started = scene.start()
    scene.claim(started.ready[0])
    scene.pass_time(LEASE_S, started.ready[0])
    assert scene.expire() == []
    assert scene.execution(started.id)["state"] == "failed"
    scene.connection.close()


def test_lost_step_of_a_canceling_execution_is_canceled(scene: Scene) -> None:
    started = scene.start()
    scene.claim(started.ready[0])
    cancel_execution(scene.connection, started.id)
    assert scene.execution(started.id)["state"] == "running"
    scene.pass_time(LEASE_S, started.ready[0])
    assert scene.expire() == []
    assert scene.execution(started.id)["state"] == "canceled"
    assert scene.step(started.ready[0])["state"] == "canceled"


def test_lease_renewed_after_the_look_is_left_alone(scene: Scene) -> None:
    ref = scene.start().ready[0]
    claimed = scene.claim(ref)
    scene.pass_time(LEASE_S, ref)
    found = lost_steps(scene.connection)
    assert len(found) == 1
    with connect(scene.database_url, application_name="worker") as worker:
        worker.execute("UPDATE steps SET lease_until = now() + interval '15 s' WHERE node = 'a'")
    assert apply_isolated(scene.connection, found).accepted == 0
    assert scene.complete(claimed).accepted


def test_step_published_late_and_lost_at_once_is_found_by_looking_ahead(scene: Scene) -> None:
    ref = scene.start().ready[0]
    scene.claim(ref)
    scene.connection.execute("UPDATE steps SET due_at = now() + interval '5 min', lease_until = now() - interval '1 s'")
    assert lost_steps(scene.connection) == []
    assert len(lost_steps(scene.connection, ahead_s=305)) == 1


def test_dead_worker_gives_back_what_it_ran_and_nothing_else(scene: Scene) -> None:
    refs = [scene.start().ready[0] for _ in range(3)]
    claims = [scene.claim(ref, worker) for ref, worker in zip(refs, ("w1", "w2", "w1"), strict=True)]
    assert sorted(expire_worker(scene.connection, "w1")) == sorted([refs[0], refs[2]])
    assert scene.step(refs[1])["state"] == "running"
    assert [scene.complete(claim).accepted for claim in claims] == [False, True, False]
    assert expire_worker(scene.connection, "w1") == []


def test_running_steps_are_not_looked_at_before_their_lease_is_over(scene: Scene) -> None:
    ref = scene.start().ready[0]
    scene.claim(ref)
    scene.pass_time(6, ref)
    assert defer_running(scene.connection) == 1
    assert 8 < scene.step(ref)["due_s"] < 10
    assert defer_running(scene.connection) == 0


def test_outcome_that_cannot_be_applied_does_not_hold_up_the_others(scene: Scene) -> None:
    refs = [scene.start().ready[0] for _ in range(3)]
    for ref in refs:
        scene.claim(ref)
        scene.pass_time(LEASE_S, ref)
    scene.connection.execute("UPDATE executions SET version_id = uuid7() WHERE id = %s", (refs[1].execution_id,))
    assert sorted(scene.expire()) == sorted([refs[0], refs[2]])
    assert 50 < scene.step(refs[1])["due_s"] < 61
    assert lost_steps(scene.connection) == []


def test_outcome_kinds_of_a_worker_still_need_their_fence(scene: Scene) -> None:
    ref = scene.start().ready[0]
    claimed = scene.claim(ref)
    scene.pass_time(LEASE_S, ref)
    scene.expire()
    again = scene.claim(ref, "w2")
    assert not scene.complete(claimed, Kind.STOPPED).accepted
    assert scene.complete(again).accepted
