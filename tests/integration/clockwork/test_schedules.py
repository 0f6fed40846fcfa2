"""Schedules: each firing starts one run, whatever crashes and however many look; what does not start is put down."""

import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from itertools import pairwise
from typing import Any

import psycopg
import pytest

from services.worker.clockwork import loop_types
from services.worker.loops.schedules import Schedules
from shared import metrics
from shared.db import fires, schedules
from shared.db.pool import connect
from shared.domain.triggers.moments import to_ms
from shared.engine.fire import fire_due
from shared.engine.scheduling import start_all_anew, start_anew
from tests.integration.clockwork.triggering import SAID, TriggerScene, silent


@pytest.fixture
def scene(database_url: str) -> Iterator[TriggerScene]:
    made = TriggerScene(database_url)
    yield made
    made.connection.close()


def test_a_firing_starts_a_run_in_the_name_of_the_owner(scene: TriggerScene) -> None:
    trigger = scene.schedule(input={"list": [1]})
    assert fire_due(scene.connection).claimed == 0, "not before its time"
    assert scene.left_s(trigger) == pytest.approx(60, abs=5)
    scene.set_back(trigger, 1)
    done = fire_due(scene.connection)
    (fire,) = scene.fires(trigger)
    row = scene.execution(fire["execution_id"])
    assert (row["workflow_id"], row["version_id"], row["user_id"]) == (
        scene.workflow_id,
        scene.version_id,
        scene.user_id,
    )
    assert (row["trigger_type"], row["trigger_id"], row["state"]) == ("schedule", trigger.id, "queued")
    expected = {"list": [1], "scheduledAt": to_ms(fire["fire_at"]), "trigger": "t"}
    assert scene.input_of(row["id"]) == expected
    assert ([ref.node for ref in done.ready], done.started) == (["a"], {row["id"]})
    assert (fire["outcome"], fire["cause"], fire["reason"]) == ("started", "schedule", "")
    assert scene.left_s(trigger) == pytest.approx(59, abs=5)
    found = schedules.of_triggers(scene.connection, [trigger.id])[trigger.id]
    assert found.last_at == fire["fire_at"]


def test_two_clockworks_fire_once(scene: TriggerScene) -> None:
    """The second one finds nothing while the first has it, and nothing afterwards."""
    trigger = scene.schedule()
    scene.set_back(trigger, 1)
    with psycopg.connect(scene.database_url) as other, other.transaction():
        assert fire_due(other).claimed == 1
        assert fire_due(scene.connection).claimed == 0
    assert fire_due(scene.connection).claimed == 0
    assert scene.runs() == 1


def test_many_clockworks_at_once_fire_every_firing_once(scene: TriggerScene) -> None:
    found = [scene.schedule(scene.more(), misfire="all", graceMs=0) for _ in range(10)]
    for trigger in found:
        scene.set_back(trigger, 5 * 60)
    barrier = threading.Barrier(4)

    def look(_: int) -> int:
        with connect(scene.database_url, application_name="test", autocommit=True) as connection:
            barrier.wait(10)
            return sum(len(fire_due(connection, limit=3).started) for _ in range(10))

    with ThreadPoolExecutor(4) as threads:
        assert sum(threads.map(look, range(4))) == 60
    assert scene.runs() == 60
    assert all(scene.outcomes(trigger) == ["started"] * 6 for trigger in found)


def test_a_firing_that_is_there_starts_nothing_even_if_the_schedule_forgets_it(scene: TriggerScene) -> None:
    """The key of the table is what counts: not the time in the schedule."""
    trigger = scene.schedule()
    scene.set_back(trigger, 1)
    due = schedules.of_triggers(scene.connection, [trigger.id])[trigger.id].next_at
    assert len(fire_due(scene.connection).started) == 1
    scene.connection.execute("UPDATE schedules SET next_at = %s", (due,))
    again = fire_due(scene.connection)
    assert (again.claimed, again.started, again.fired) == (1, set(), [])
    assert scene.runs() == 1


def test_a_clockwork_that_is_killed_in_between_leaves_nothing_half_done(scene: TriggerScene) -> None:
    trigger = scene.schedule()
    scene.set_back(trigger, 1)
    other = connect(scene.database_url, application_name="test", autocommit=True)
    other.execute("BEGIN")
    assert len(fire_due(other).started) == 1
    scene.kill(other)
    assert (scene.runs(), scene.fires(trigger)) == (0, [])
    assert len(fire_due(scene.connection).started) == 1
    assert scene.runs() == 1


@pytest.mark.parametrize(
    ("misfire", "expected"),
    [
        ("skip", ["missed"] * 11),
        ("once", ["missed"] * 10 + ["started"]),
        ("all", ["started"] * 11),
    ],
)
def test_what_was_missed_is_dealt_with_as_the_schedule_says(
    scene: TriggerScene, misfire: str, expected: list[str]
) -> None:
    """Clockwork was away for ten minutes."""
    trigger = scene.schedule(misfire=misfire, graceMs=100)
    scene.set_back(trigger, 601)
    done = fire_due(scene.connection)
    assert scene.outcomes(trigger) == expected
    assert scene.left_s(trigger) == pytest.approx(59, abs=5)
    times = [row["fire_at"] for row in scene.fires(trigger)]
    assert all(later - earlier == timedelta(minutes=1) for earlier, later in pairwise(times)), "no drift"
    assert [fired.outcome for fired in done.fired] == expected
    assert done.fired[0].late_s == pytest.approx(601, abs=5)
    assert all(f"misfire: {misfire}" in row["reason"] for row in scene.fires(trigger) if row["outcome"] == "missed")


def test_catching_up_is_bounded(scene: TriggerScene) -> None:
    trigger = scene.schedule(misfire="all", maxCatchUp=30, graceMs=0)
    scene.set_back(trigger, 50 * 60 - 1)
    while fire_due(scene.connection).claimed:
        pass
    assert scene.outcomes(trigger) == ["missed"] * 20 + ["started"] * 30


def test_what_is_within_its_grace_starts_whatever_the_policy(scene: TriggerScene) -> None:
    trigger = scene.schedule(misfire="skip", graceMs=125_000)
    scene.set_back(trigger, 241)
    fire_due(scene.connection)
    assert scene.outcomes(trigger) == ["missed", "missed", "started", "started", "started"]


STOPS = {
    "paused": "UPDATE triggers SET paused_at = now()",
    "disabled": "UPDATE workflows SET enabled = false",
    "archived": "UPDATE workflows SET archived_at = now()",
    "owner": "UPDATE users SET disabled_at = now()",
}


@pytest.mark.parametrize("stop", STOPS.values(), ids=STOPS)
def test_what_is_stopped_does_not_fire_and_does_not_catch_up(scene: TriggerScene, stop: str) -> None:
    trigger = scene.schedule(misfire="all")
    scene.connection.execute(stop.encode())
    scene.set_back(trigger, 601)
    assert fire_due(scene.connection).fired == []
    assert (scene.runs(), scene.fires(trigger)) == (0, [])
    assert scene.left_s(trigger) == pytest.approx(59, abs=5)


def test_what_was_due_during_a_pause_is_not_caught_up_with_even_if_nobody_looked(scene: TriggerScene) -> None:
    trigger = scene.schedule(misfire="all")
    scene.set_back(trigger, 601)
    start_anew(scene.connection, trigger)
    assert fire_due(scene.connection).claimed == 0
    scene.set_back(trigger, 601)
    start_all_anew(scene.connection, scene.workflow_id)
    assert fire_due(scene.connection).claimed == 0
    assert scene.left_s(trigger) == pytest.approx(59, abs=5)


def test_a_new_version_with_the_same_timing_keeps_the_time(scene: TriggerScene) -> None:
    trigger = scene.schedule(everyMs=60_000)
    scene.set_back(trigger, -7)
    before = schedules.of_triggers(scene.connection, [trigger.id])[trigger.id]
    again = scene.schedule(everyMs=60_000, misfire="skip", input={"n": 1})
    assert (again.id, again.config["misfire"]) == (trigger.id, "skip")
    assert schedules.of_triggers(scene.connection, [trigger.id])[trigger.id] == before
    scene.schedule(everyMs=30_000)
    changed = schedules.of_triggers(scene.connection, [trigger.id])[trigger.id]
    assert changed.anchor != before.anchor
    assert scene.left_s(trigger) == pytest.approx(30, abs=5)


def test_a_schedule_that_was_removed_fires_no_more_and_comes_back_anew(scene: TriggerScene) -> None:
    trigger = scene.schedule(misfire="all")
    scene.set_back(trigger, 601)
    scene.register()
    assert fire_due(scene.connection).claimed == 0
    again = scene.schedule(misfire="all")
    assert again.id == trigger.id
    assert fire_due(scene.connection).claimed == 0
    assert scene.left_s(again) == pytest.approx(60, abs=5)


def test_a_schedule_that_ended_is_over(scene: TriggerScene) -> None:
    end = to_ms(schedules.clock(scene.connection)) + 1_000
    trigger = scene.schedule(endAt=end)
    assert scene.left_s(trigger) is None


BROKEN = {
    "unpublished": ("UPDATE workflows SET published_version = NULL WHERE id = %s", "never published"),
    "viewer": ("UPDATE users SET role = 'viewer' WHERE id = (SELECT owner_id FROM workflows WHERE id = %s)", "viewer"),
    "unreadable": (
        'UPDATE workflow_versions SET definition = \'{"schema": 1, "containers": 5}\' WHERE workflow_id = %s',
        "problem",
    ),
}


@pytest.mark.parametrize("broken", BROKEN)
def test_what_cannot_start_is_put_down_and_the_next_firing_goes_on(scene: TriggerScene, broken: str) -> None:
    other = scene.one("INSERT INTO users (email, name, role) VALUES ('o@x', 'O', 'editor') RETURNING id")["id"]
    bad, good = scene.more(), scene.more()
    scene.connection.execute("UPDATE workflows SET owner_id = %s WHERE id = %s", (other, bad))
    found = [scene.schedule(bad), scene.schedule(good)]
    change, reason = BROKEN[broken]
    scene.connection.execute(change.encode(), (bad,))
    for trigger in found:
        scene.set_back(trigger, 1)
    before = metrics.SCHEDULE_FIRES.labels("failed")._value.get()
    Schedules(silent()).run(scene.connection)
    assert [scene.outcomes(each) for each in found] == [["failed"], ["started"]]
    assert reason in scene.fires(found[0])[0]["reason"]
    assert metrics.SCHEDULE_FIRES.labels("failed")._value.get() == before + 1
    assert scene.left_s(found[0]) == pytest.approx(59, abs=5)


def test_a_schedule_that_cannot_be_computed_holds_nobody_up(scene: TriggerScene) -> None:
    found = [scene.schedule(scene.more()) for _ in range(3)]
    broken = 'UPDATE triggers SET config = \'{"cron": "0 0 * * *", "timezone": "Mars/Base", "misfire": "once"}\' WHERE id = %s'
    scene.connection.execute(broken.encode(), (found[0].id,))
    for trigger in found:
        scene.set_back(trigger, 1)
    fire_due(scene.connection)
    assert [scene.outcomes(each) for each in found] == [["failed"], ["started"], ["started"]]
    assert scene.left_s(found[0]) is None


def test_overlap_skip_waits_for_the_end_of_the_last_run(scene: TriggerScene) -> None:
    trigger = scene.schedule(overlap="skip")
    for _ in range(2):
        scene.set_back(trigger, 1)
        fire_due(scene.connection)
    first, second = scene.fires(trigger)
    assert (first["outcome"], second["outcome"]) == ("started", "skipped")
    assert "overlap" in second["reason"]
    scene.end_by_itself(first["execution_id"])
    scene.set_back(trigger, 1)
    fire_due(scene.connection)
    assert scene.outcomes(trigger) == ["started", "skipped", "started"]


def test_five_hundred_schedules_that_are_due_in_the_same_second(scene: TriggerScene) -> None:
    workflow_id = scene.more()
    many = [{"id": f"t{number}", "type": "schedule", "everyMs": 60_000} for number in range(100)]
    for _ in range(5):
        scene.register(*many, workflow_id=workflow_id)
        workflow_id = scene.more()
    scene.connection.execute("UPDATE schedules SET next_at = now()")
    loop, began = Schedules(silent()), time.monotonic()
    while loop.run(scene.connection) == 0.0:
        pass
    took_s = time.monotonic() - began
    assert scene.runs() == 500
    assert scene.one("SELECT count(*) AS n FROM schedules WHERE next_at <= now()")["n"] == 0
    assert took_s < 30, "a few seconds on a quiet machine"
    assert sum(len(applied.ready) for _, applied in SAID) == 500


def test_the_loop_sleeps_until_the_next_one_is_due(scene: TriggerScene) -> None:
    loop = Schedules(silent())
    assert loop.run(scene.connection) == loop.interval_s
    trigger = scene.schedule()
    assert loop.run(scene.connection) == loop.interval_s
    scene.set_back(trigger, -0.1)
    assert loop.run(scene.connection) <= 0.1
    until = time.monotonic() + 20
    while not scene.fires(trigger) and time.monotonic() < until:
        time.sleep(loop.run(scene.connection))
    (fire,) = scene.fires(trigger)
    assert fire["recorded_at"] >= fire["fire_at"]
    assert SAID[-1][0] == "fired"


def test_clockwork_finds_it() -> None:
    assert Schedules in loop_types()


def test_firings_that_started_nothing_are_forgotten_after_a_month(scene: TriggerScene) -> None:
    trigger = scene.schedule(misfire="skip", graceMs=0)
    scene.set_back(trigger, 121)
    fire_due(scene.connection)
    assert fires.prune(scene.connection) == 0
    scene.connection.execute("UPDATE trigger_fires SET recorded_at = now() - interval '31 days'")
    assert fires.prune(scene.connection) == 3
    assert scene.fires(trigger) == []


def test_warnings_say_what_did_not_start(scene: TriggerScene, capsys: Any, caplog: Any) -> None:
    trigger = scene.schedule(misfire="skip", graceMs=0)
    scene.set_back(trigger, 1)
    Schedules(silent()).run(scene.connection)
    said = capsys.readouterr().out + capsys.readouterr().err + caplog.text
    assert "a run that was due did not start" in said
