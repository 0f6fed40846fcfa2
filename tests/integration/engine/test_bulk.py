"""Actions on many executions: each once, whatever crashes, and nobody else is held up."""

import time
from collections.abc import Callable, Iterator
from typing import Any
from uuid import UUID

import psycopg
import pytest

from shared.broker import StepRef
from shared.db import bulk_jobs
from shared.db.bulk_jobs import Job
from shared.domain.errors import InvalidValue
from shared.domain.outcome import Kind
from shared.engine import bulk, bulk_match
from shared.engine.batch import Batch, Options, run_batch
from shared.engine.bulk import Advanced, advance_bulk
from shared.engine.bury import bury
from shared.engine.requests import Claim, Claimed
from shared.queries.execution_list import Filters
from shared.queries.shapes import Viewer
from tests.factories import chain
from tests.integration.engine.conftest import EngineScene
from tests.integration.engine.test_races import Racer, await_waiter

Open = Callable[[], psycopg.Connection[Any]]


class BulkScene(EngineScene):
    """Jobs, and how they go on."""

    def match(self, action: str, retry_from: str = "failed", **filters: Any) -> list[UUID]:
        viewer = Viewer(self.user_id, everything=True)
        return bulk_match.matching(self.connection, action, retry_from, Filters(**filters), viewer)

    def job(self, action: str, found: list[UUID], retry_from: str = "failed", version: str = "same") -> UUID:
        return bulk_jobs.insert(
            self.connection,
            self.user_id,
            found,
            action=action,
            filter={"all": True},
            retry_from=retry_from,
            retry_version=version,
            address="10.0.0.1",
        )

    def get(self, job_id: UUID) -> Job:
        found = bulk_jobs.get(self.connection, job_id, viewer=self.user_id, everything=False)
        assert found is not None
        return found

    def finish(self, limit: int = 2) -> list[Advanced]:
        steps = []
        while (done := advance_bulk(self.connection, limit=limit)) is not None:
            steps.append(done)
        return steps

    def fail(self) -> UUID:
        """A run whose second step fails."""
        return self.run_through(last=Kind.FAILED)

    def states_of_executions(self) -> dict[UUID, str]:
        return dict(self.connection.execute("SELECT id, state FROM executions").fetchall())


@pytest.fixture
def scene(database_url: str) -> Iterator[BulkScene]:
    made = BulkScene(database_url)
    yield made
    made.connection.close()


def counts(job: Job) -> tuple[str, int, int, int, int, int]:
    return job.state, job.total, job.done, job.changed, job.skipped, job.failed


def test_cancel_all_that_live(scene: BulkScene) -> None:
    over = scene.run_through()
    queued = [scene.start().id for _ in range(4)]
    running = scene.start()
    scene.claim(running.ready[0])
    found = scene.match("cancel")
    assert found == sorted([*queued, running.id], reverse=True)
    job = scene.job("cancel", found)
    later = scene.start().id

    steps = scene.finish()

    assert counts(scene.get(job)) == ("done", 5, 5, 5, 0, 0)
    assert [step.changed for step in steps] == [2, 2, 1]
    assert set().union(*(step.canceled for step in steps)) == set(queued)
    states = scene.states_of_executions()
    assert {states[id] for id in queued} == {"canceled"}
    assert (states[running.id], states[later], states[over]) == ("running", "queued", "success")
    assert scene.execution(running.id)["stopping"] == "cancel"
    assert scene.one("SELECT count(*) AS n FROM bulk_items") == {"n": 0}
    audited = scene.connection.execute("SELECT user_id, address, detail->>'bulk' FROM audit_log").fetchall()
    assert len(audited) == 5
    assert {row[:2] for row in audited} == {(scene.user_id, "10.0.0.1")}
    assert audited[0][2].startswith("bulk-")


def test_one_that_ended_meanwhile_is_skipped(scene: BulkScene) -> None:
    started = scene.start()
    job = scene.job("cancel", scene.match("cancel"))
    following = scene.complete(scene.claim(started.ready[0])).ready
    scene.complete(scene.claim(following[0]))
    scene.finish()
    assert counts(scene.get(job)) == ("done", 1, 1, 0, 1, 0)
    assert scene.execution(started.id)["state"] == "success"


def test_retry_all_that_failed_once_each(scene: BulkScene) -> None:
    scene.run_through()
    failed = [scene.fail() for _ in range(3)]
    bury(scene.connection)
    found = scene.match("retry")
    assert found == failed[::-1]
    job = scene.job("retry", found)
    steps = scene.finish()
    assert counts(scene.get(job)) == ("done", 3, 3, 3, 0, 0)
    assert [ref.node for step in steps for ref in step.ready] == ["b"] * 3
    assert sum(step.started for step in steps) == 3
    links = scene.connection.execute("SELECT retry_of FROM execution_retries ORDER BY retry_of").fetchall()
    assert [row[0] for row in links] == failed
    closed = "SELECT execution_id FROM dead_letters JOIN execution_retries r ON (r.retry_of, r.id) = (execution_id, redriven_as)"
    assert {row[0] for row in scene.connection.execute(closed)} == set(failed)
    assert scene.match("retry") == [], "their retries stand for them"
    assert len(scene.match("retry", "start")) == 4


def test_one_that_was_retried_meanwhile_is_skipped(scene: BulkScene) -> None:
    scene.fail()
    found = scene.match("retry")
    jobs = [scene.job("retry", found), scene.job("retry", found), scene.job("retry", found, "start")]
    scene.finish()
    results = [(scene.get(job).changed, scene.get(job).skipped) for job in jobs]
    assert results == [(1, 0), (0, 1), (1, 0)]


def test_what_cannot_be_retried_is_counted_with_the_first_reasons(scene: BulkScene) -> None:
    for _ in range(12):
        scene.fail()
    job = scene.job("retry", scene.match("retry"))
    scene.connection.execute("UPDATE workflows SET enabled = false")
    scene.finish(limit=5)
    found = scene.get(job)
    assert counts(found) == ("done", 12, 12, 0, 0, 12)
    assert len(found.errors) == bulk.KEPT_ERRORS
    assert found.errors[0]["executionId"].startswith("exec-")
    assert "disabled" in found.errors[0]["message"]


def test_retry_in_the_newest_version(scene: BulkScene) -> None:
    scene.fail()
    scene.use(chain(3))
    scene.connection.execute("UPDATE workflow_versions SET number = 2 WHERE id = %s", (scene.version_id,))
    scene.connection.execute("UPDATE workflows SET published_version = 2")
    scene.job("retry", scene.match("retry"), version="published")
    (step,) = scene.finish()
    assert [ref.node for ref in step.ready] == ["n0"]


def test_an_error_of_the_server_at_one_holds_up_no_other(scene: BulkScene) -> None:
    """A row that cannot be written: its execution is counted as failed, the others go on."""
    failed = [scene.fail() for _ in range(3)]
    scene.connection.execute(
        "UPDATE steps SET port = repeat('x', 10) WHERE execution_id = %s AND node = 'a'", (failed[1],)
    )
    scene.connection.execute("ALTER TABLE steps ADD CHECK (length(port) < 10) NOT VALID")
    job = scene.job("retry", scene.match("retry"))
    scene.finish(limit=3)
    assert counts(scene.get(job)) == ("done", 3, 3, 2, 0, 1)
    assert "log of clockwork" in scene.get(job).errors[0]["message"]


def test_a_crash_in_the_middle_repeats_nothing(scene: BulkScene, other: Open) -> None:
    """The process dies before its commit: the list and the new executions are as before, and the next one does it once."""
    failed = [scene.fail() for _ in range(4)]
    job = scene.job("retry", scene.match("retry"))
    assert advance_bulk(scene.connection, limit=2) is not None
    dying = other()
    with pytest.raises(ZeroDivisionError), dying.transaction():
        assert advance_bulk(dying, limit=2) is not None
        raise ZeroDivisionError
    assert scene.get(job).done == 2
    scene.finish(limit=1)
    assert counts(scene.get(job)) == ("done", 4, 4, 4, 0, 0)
    links = scene.connection.execute("SELECT retry_of FROM execution_retries ORDER BY retry_of").fetchall()
    assert [row[0] for row in links] == failed


def test_two_processes_do_not_wait_for_each_other_and_act_once(scene: BulkScene, other: Open) -> None:
    [scene.fail() for _ in range(4)]
    job = scene.job("retry", scene.match("retry"))
    held = other()
    with held.transaction():
        assert advance_bulk(held, limit=2) is not None
        assert advance_bulk(scene.connection, limit=2) is None, "the job is taken"
    scene.finish()
    assert counts(scene.get(job)) == ("done", 4, 4, 4, 0, 0)
    assert scene.one("SELECT count(*) AS n FROM execution_retries") == {"n": 4}


def test_jobs_take_turns(scene: BulkScene) -> None:
    for _ in range(4):
        scene.start()
    found = scene.match("cancel")
    jobs = [scene.job("cancel", found[:2]), scene.job("cancel", found[2:])]
    advance_bulk(scene.connection, limit=1)
    advance_bulk(scene.connection, limit=1)
    assert [scene.get(job).done for job in jobs] == [1, 1]


def test_a_stop_waits_for_the_transaction_under_way_and_then_nothing_more_is_done(
    scene: BulkScene, other: Open
) -> None:
    for _ in range(5):
        scene.start()
    job = scene.job("cancel", scene.match("cancel"))
    working, stopping = other(), other()
    with working.transaction():
        advance_bulk(working, limit=2)
        racer = Racer(lambda: bulk_jobs.stop(stopping, job))
        await_waiter(scene.connection)
    assert racer.join() is True
    assert advance_bulk(scene.connection) is None
    assert counts(scene.get(job)) == ("canceled", 5, 2, 2, 0, 0)
    assert scene.one("SELECT count(*) AS n FROM bulk_items") == {"n": 0}
    assert list(scene.states_of_executions().values()).count("queued") == 3
    assert bulk_jobs.stop(scene.connection, job) is False


def test_cancel_meets_claims_of_its_executions(scene: BulkScene, other: Open) -> None:
    """Claims hold the newer execution, which they start, and want a step of the older one: no circle of waiting."""
    older, newer = scene.start(), scene.start()
    (second,) = scene.complete(scene.claim(older.ready[0])).ready
    job = scene.job("cancel", scene.match("cancel"))
    claiming, canceling = other(), other()
    with claiming.transaction():
        run_batch(claiming, Batch([Claim(newer.ready[0][:3], 1)], [], Options()))
        racer = Racer(lambda: advance_bulk(canceling))
        await_waiter(scene.connection)
        (claimed,) = run_batch(claiming, Batch([Claim(second[:3], 2)], [], Options())).claimed
        assert isinstance(claimed, Claimed)
    assert racer.join().changed == 2
    assert counts(scene.get(job)) == ("done", 2, 2, 2, 0, 0)
    assert [scene.execution(each.id)["stopping"] for each in (older, newer)] == ["cancel"] * 2


@pytest.mark.parametrize("change", ["disabled_at = now()", "role = 'viewer'"])
def test_somebody_who_may_no_longer_act_does_not(scene: BulkScene, change: str) -> None:
    scene.start()
    job = scene.job("cancel", scene.match("cancel"))
    scene.connection.execute(f"UPDATE users SET {change}".encode())
    scene.finish()
    assert counts(scene.get(job)) == ("canceled", 1, 0, 0, 0, 0)
    assert list(scene.states_of_executions().values()) == ["queued"]


def test_statuses_that_never_fit_are_refused(scene: BulkScene) -> None:
    for action, retry_from, statuses in (
        ("cancel", "failed", ("success", "canceling")),
        ("retry", "failed", ("success",)),
        ("retry", "start", ("running",)),
    ):
        with pytest.raises(InvalidValue, match="nothing can be done"):
            scene.match(action, retry_from, statuses=statuses)
    failed = scene.fail()
    scene.start()
    assert scene.match("retry", statuses=("failed", "running")) == [failed]


def test_too_many_are_refused(scene: BulkScene, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bulk_match, "MOST", 2)
    for _ in range(3):
        scene.start()
    with pytest.raises(InvalidValue, match="More than 2"):
        scene.match("cancel")


def test_a_thousand_cancels_take_a_few_seconds(scene: BulkScene) -> None:
    with scene.connection.transaction():
        refs: list[StepRef] = [ref for _ in range(1_000) for ref in scene.start().ready]
    job = scene.job("cancel", scene.match("cancel"))
    began = time.monotonic()
    steps = scene.finish(limit=bulk.BATCH)
    took_s = time.monotonic() - began
    print(f"1,000 cancels: {took_s:.2f} s, {1000 * took_s / len(steps):.0f} ms a transaction")
    assert len(refs) == scene.get(job).changed == 1_000
    assert took_s < 60
