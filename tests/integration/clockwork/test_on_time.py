"""A running clockwork: schedules fire at their time and what follows them a moment later, over real loops."""

import time
from collections.abc import Iterator
from itertools import pairwise

import pytest

from services.worker.clockwork import Clockwork
from services.worker.loops.fires import WaitingFires
from services.worker.loops.schedules import Schedules
from shared.settings import Settings
from tests.integration.clockwork.triggering import TriggerScene

NOWHERE = {"BROKER_URL": "redis://127.0.0.1:1/0", "REDIS_URL": "redis://127.0.0.1:1/0"}


@pytest.fixture
def scene(database_url: str) -> Iterator[TriggerScene]:
    made = TriggerScene(database_url)
    yield made
    made.connection.close()


def test_two_clockworks_run_a_schedule_of_every_second_and_what_follows_it(scene: TriggerScene) -> None:
    second = scene.more()
    trigger = scene.schedule(everyMs=1_000)
    following = scene.follow(scene.workflow_id, by=second)
    settings = Settings.model_validate({"DATABASE_URL": scene.database_url, **NOWHERE})
    both = [Clockwork(settings, [Schedules, WaitingFires]) for _ in range(2)]
    for each in both:
        each.start()
    try:
        until = time.monotonic() + 60
        while time.monotonic() < until:
            fires = scene.fires(trigger)
            for fire in fires:
                if scene.execution(fire["execution_id"])["state"] == "queued":
                    scene.end_by_itself(fire["execution_id"])
            if len(fires) >= 4 and len(scene.fires(following)) >= 3:
                break
            time.sleep(0.05)
    finally:
        for each in both:
            each.close()
    fires = scene.fires(trigger)
    assert len(fires) >= 4
    assert {fire["outcome"] for fire in fires} == {"started"}
    times = [fire["fire_at"] for fire in fires]
    gaps = {(later - earlier).total_seconds() for earlier, later in pairwise(times)}
    assert gaps == {1.0}
    late = sorted((fire["recorded_at"] - fire["fire_at"]).total_seconds() for fire in fires)
    assert late[0] < 0.2, late
    assert {row["outcome"] for row in scene.fires(following)} <= {"started", "waiting"}
    assert len(scene.fires(following)) >= 3
