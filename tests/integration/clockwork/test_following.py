"""Runs that follow the end of others, and ranges that are done again: each exactly once, whatever crashes."""

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest

from services.worker.clockwork import loop_types
from services.worker.loops.fires import AGAIN_LIMIT, WaitingFires
from services.worker.loops.schedules import Schedules
from shared import ids
from shared.broker import StepRef
from shared.db import fires, follows, schedules
from shared.db.pool import connect
from shared.db.stats import fold
from shared.db.triggers import Trigger
from shared.domain.outcome import Kind
from shared.engine.cancel import cancel_execution
from shared.engine.fire import fire_due
from shared.engine.fire_waiting import AGAIN, FOLLOWING, fire_waiting
from shared.engine.start import MAX_DEPTH
from tests.integration.clockwork.triggering import SAID, TriggerScene, silent


@pytest.fixture
def scene(database_url: str) -> Iterator[TriggerScene]:
    made = TriggerScene(database_url)
    yield made
    made.connection.close()


def started(scene: TriggerScene, trigger: Trigger) -> list[UUID]:
    """The executions that a trigger started."""
    return [row["execution_id"] for row in scene.fires(trigger) if row["outcome"] == "started"]


def test_the_end_of_a_run_starts_the_one_that_follows_with_its_record(scene: TriggerScene) -> None:
    trigger = scene.follow(scene.workflow_id, by=scene.more())
    first = scene.start().id
    ready = scene.complete(scene.claim(StepRef(first, "a", "", "default", 1)), output='"a"').ready
    scene.complete(scene.claim(ready[0]), output='{"n": 2}')
    loop = WaitingFires(silent())
    assert loop.run(scene.connection) == loop.interval_s
    (fire,) = scene.fires(trigger)
    assert (fire["outcome"], fire["cause"], fire["source_id"]) == ("started", "execution", first)
    row = scene.execution(fire["execution_id"])
    assert (row["workflow_id"], row["user_id"], row["depth"]) == (trigger.workflow_id, scene.user_id, 1)
    assert (row["trigger_type"], row["trigger_id"], row["parent_id"]) == ("workflow", trigger.id, first)
    given = scene.input_of(row["id"])
    assert set(given) == {"execution", "output", "error", "trigger"}
    assert given["execution"]["id"] == ids.encode(ids.EXECUTION, first)
    assert (given["execution"]["status"], given["error"], given["trigger"]) == ("success", None, "f")
    assert given["output"] == {"n": 2}
    assert [(kind, applied.accepted) for kind, applied in SAID] == [("fired", 1)]
    loop.run(scene.connection)
    assert scene.runs() == 2, "once"


def test_a_failure_and_a_cancel_count_where_they_are_asked_for(scene: TriggerScene) -> None:
    every = scene.follow(scene.workflow_id, by=scene.more(), on=["success", "failed", "canceled"])
    failed = scene.follow(scene.workflow_id, by=scene.more(), on=["failed"])
    for last in (Kind.DONE, Kind.FAILED):
        scene.run_through(last=last)
    cancel_execution(scene.connection, scene.start().id)
    WaitingFires(silent()).run(scene.connection)
    states = [scene.input_of(each)["execution"]["status"] for each in started(scene, every)]
    assert sorted(states) == ["canceled", "failed", "success"]
    (only,) = started(scene, failed)
    assert scene.input_of(only)["error"]["code"] == "X"


def test_runs_of_other_workflows_and_ends_before_it_was_published_start_nothing(scene: TriggerScene) -> None:
    scene.run_through()
    assert fold(scene.connection) == 1
    trigger = scene.follow(scene.more(), by=scene.more())
    scene.run_through()
    WaitingFires(silent()).run(scene.connection)
    assert scene.fires(trigger) == []
    assert not follows.ended(scene.connection)


STOPS = {
    "paused": "UPDATE triggers SET paused_at = now()",
    "disabled": "UPDATE workflows SET enabled = false WHERE id = %s",
    "removed": "UPDATE triggers SET removed_at = now()",
    "owner": "UPDATE users SET disabled_at = now()",
}


@pytest.mark.parametrize("stop", STOPS.values(), ids=STOPS)
def test_what_is_stopped_does_not_follow_and_does_not_catch_up(scene: TriggerScene, stop: str) -> None:
    trigger = scene.follow(scene.workflow_id, by=scene.more())
    scene.connection.execute(stop.encode(), (trigger.workflow_id,) if "%s" in stop else None)
    scene.run_through()
    WaitingFires(silent()).run(scene.connection)
    assert (scene.fires(trigger), scene.runs()) == ([], 1)


@pytest.mark.parametrize(("change", "reason"), [("disabled_at = now()", "disabled"), ("role = 'viewer'", "viewer")])
@pytest.mark.parametrize("cause", ["follow", "backfill"])
def test_what_waits_for_an_owner_who_may_start_nothing_starts_nothing(
    scene: TriggerScene, cause: str, change: str, reason: str
) -> None:
    if cause == "follow":
        trigger = scene.follow(scene.workflow_id, by=scene.more())
        scene.run_through()
        assert fold(scene.connection) == 1
    else:
        trigger = scene.schedule()
        backfill(scene, trigger, 1)
    before = scene.runs()
    scene.connection.execute(f"UPDATE users SET {change}".encode())
    WaitingFires(silent()).run(scene.connection)
    (fire,) = scene.fires(trigger)
    assert (fire["outcome"], reason in fire["reason"], scene.runs()) == ("failed", True, before)


def test_many_clockworks_follow_every_end_once(scene: TriggerScene) -> None:
    triggers = [scene.follow(scene.workflow_id, by=scene.more()) for _ in range(3)]
    ended = [scene.run_through() for _ in range(20)]
    barrier = threading.Barrier(4)

    def look(_: int) -> None:
        with connect(scene.database_url, application_name="test", autocommit=True) as connection:
            barrier.wait(10)
            for _ in range(12):
                fold(connection, limit=3)
                fire_waiting(connection, FOLLOWING, limit=4)

    with ThreadPoolExecutor(4) as threads:
        list(threads.map(look, range(4)))
    while follows.ended(scene.connection) or fire_waiting(scene.connection, FOLLOWING).claimed:
        fold(scene.connection)
    for trigger in triggers:
        assert sorted(row["source_id"] for row in scene.fires(trigger)) == sorted(ended)
        assert len(set(started(scene, trigger))) == 20
    assert scene.runs() == 20 + 60


@pytest.mark.parametrize("step", ["fold", "start"])
def test_a_clockwork_that_is_killed_in_between_loses_and_doubles_nothing(scene: TriggerScene, step: str) -> None:
    """Between the roll-up and the start too: each is a transaction, and the firing waits in its table."""
    trigger = scene.follow(scene.workflow_id, by=scene.more())
    scene.run_through()
    if step == "start":
        fold(scene.connection)
    other = connect(scene.database_url, application_name="test", autocommit=True)
    other.execute("BEGIN")
    assert (fold(other), len(fire_waiting(other, FOLLOWING).started)) == (1 if step == "fold" else 0, 1)
    loop = WaitingFires(silent())
    loop.run(scene.connection)
    assert scene.runs() == 1, "the other one has it"
    scene.kill(other)
    loop.run(scene.connection)
    loop.run(scene.connection)
    assert (scene.runs(), scene.outcomes(trigger)) == (2, ["started"])


def test_a_circle_is_stopped(scene: TriggerScene) -> None:
    one, two = scene.more(), scene.more()
    found = [scene.follow(one, by=two), scene.follow(two, by=one)]
    with scene.connection.transaction():
        scene.workflow_id, scene.version_id = (
            one,
            scene.one("SELECT id FROM workflow_versions WHERE workflow_id = %s", one)["id"],
        )
    last = scene.start().id
    for _ in range(MAX_DEPTH):
        scene.end_by_itself(last)
        WaitingFires(silent()).run(scene.connection)
        last = scene.one("SELECT id FROM executions ORDER BY id DESC LIMIT 1")["id"]
    scene.end_by_itself(last)
    WaitingFires(silent()).run(scene.connection)
    assert scene.runs() == MAX_DEPTH + 1
    outcomes = [row for trigger in found for row in scene.fires(trigger) if row["outcome"] != "started"]
    assert len(outcomes) == 1
    assert "circle" in outcomes[0]["reason"]


def test_an_owner_who_may_not_see_the_run_does_not_follow_it(scene: TriggerScene) -> None:
    other = scene.one("INSERT INTO users (email, name, role) VALUES ('o@x', 'O', 'editor') RETURNING id")["id"]
    trigger = scene.follow(scene.workflow_id, by=scene.more())
    scene.connection.execute("UPDATE workflows SET owner_id = %s WHERE id = %s", (other, trigger.workflow_id))
    scene.run_through()
    WaitingFires(silent()).run(scene.connection)
    (fire,) = scene.fires(trigger)
    assert fire["outcome"] == "failed"
    assert "may not see" in fire["reason"]


def backfill(scene: TriggerScene, trigger: Trigger, count: int) -> int:
    """Ask for the last firings, one a minute."""
    first = schedules.clock(scene.connection).replace(second=0, microsecond=0) - timedelta(minutes=count)
    return fires.queue(scene.connection, trigger.id, [first + timedelta(minutes=each) for each in range(count)])


def test_a_range_is_done_again_a_few_at_a_time_and_each_firing_once(scene: TriggerScene) -> None:
    trigger = scene.schedule(cron="* * * * *")
    assert (backfill(scene, trigger, 12), backfill(scene, trigger, 12)) == (12, 0)
    loop = WaitingFires(silent())
    loop.run(scene.connection)
    assert len(started(scene, trigger)) == AGAIN_LIMIT
    for _ in range(3):
        loop.run(scene.connection)
    assert len(set(started(scene, trigger))) == 12
    assert backfill(scene, trigger, 12) <= 1, "a minute may have passed"
    row = scene.execution(started(scene, trigger)[0])
    assert (row["priority"], row["trigger_type"], row["user_id"]) == (0, "schedule", scene.user_id)
    assert scene.input_of(row["id"])["trigger"] == "t"


def test_what_was_missed_or_failed_can_be_done_again_and_what_ran_cannot(scene: TriggerScene) -> None:
    trigger = scene.schedule(misfire="once", graceMs=0)
    scene.set_back(trigger, 301)
    fire_due(scene.connection)
    assert scene.outcomes(trigger) == ["missed"] * 5 + ["started"]
    assert fires.queue(scene.connection, trigger.id, [row["fire_at"] for row in scene.fires(trigger)]) == 5
    WaitingFires(silent()).run(scene.connection)
    assert scene.outcomes(trigger) == ["started"] * 6
    assert {row["cause"] for row in scene.fires(trigger)} == {"backfill", "schedule"}
    assert scene.runs() == 6


def test_a_schedule_does_not_fire_what_is_being_done_again(scene: TriggerScene) -> None:
    trigger = scene.schedule()
    scene.set_back(trigger, 1)
    due = schedules.of_triggers(scene.connection, [trigger.id])[trigger.id].next_at
    assert due is not None
    assert fires.queue(scene.connection, trigger.id, [due]) == 1
    Schedules(silent()).run(scene.connection)
    assert scene.runs() == 0
    WaitingFires(silent()).run(scene.connection)
    assert (scene.runs(), scene.outcomes(trigger)) == (1, ["started"])


def test_a_range_waits_while_the_trigger_is_paused_and_one_by_one_where_runs_may_not_overlap(
    scene: TriggerScene,
) -> None:
    trigger = scene.schedule(overlap="skip")
    backfill(scene, trigger, 3)
    scene.pause(trigger)
    loop = WaitingFires(silent())
    loop.run(scene.connection)
    assert scene.outcomes(trigger) == ["waiting"] * 3
    scene.connection.execute("UPDATE triggers SET paused_at = NULL")
    for _ in range(2):
        loop.run(scene.connection)
    assert sorted(scene.outcomes(trigger)) == ["started", "waiting", "waiting"]
    scene.end_by_itself(started(scene, trigger)[0])
    loop.run(scene.connection)
    assert sorted(scene.outcomes(trigger)) == ["started", "started", "waiting"]


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ("UPDATE workflows SET enabled = false", "disabled"),
        ("UPDATE triggers SET removed_at = now()", "does not have this trigger"),
    ],
)
def test_what_cannot_be_done_again_says_why(scene: TriggerScene, change: str, reason: str) -> None:
    trigger = scene.schedule()
    backfill(scene, trigger, 2)
    scene.connection.execute(change.encode())
    assert fire_waiting(scene.connection, AGAIN).claimed == 2
    found: list[Any] = scene.fires(trigger)
    assert [row["outcome"] for row in found] == ["failed", "failed"]
    assert reason in found[0]["reason"]


def test_clockwork_finds_it() -> None:
    assert WaitingFires in loop_types()
