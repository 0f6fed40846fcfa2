"""Limits of concurrency and rate: who waits, who begins, and that no slot is ever lost."""

from collections.abc import Iterator
from typing import Any
from uuid import UUID

import psycopg
import pytest

from shared.broker import StepRef
from shared.db.pool import connect
from shared.domain.errors import InvalidValue
from shared.engine.admission import admit, release, waiting_workflows
from shared.engine.cancel import CancelResult, cancel_execution
from shared.engine.settle import stranded
from tests.factories import chain
from tests.integration.clockwork.scene import Scene


def limited(scene: Scene, **settings: Any) -> None:
    scene.use(chain(1) | {"settings": settings})


def look(scene: Scene) -> list[StepRef]:
    """One pass of clockwork."""
    release(scene.connection)
    return [ref for workflow in waiting_workflows(scene.connection) for ref in admit(scene.connection, workflow)]


def end(scene: Scene, *refs: StepRef) -> None:
    for ref in refs:
        scene.complete(scene.claim(ref))


def test_runs_wait_for_a_slot_in_the_order_they_came(scene: Scene) -> None:
    limited(scene, maxConcurrent=2)
    started = [scene.start() for _ in range(5)]
    assert all(each.ready == [] for each in started)
    row = scene.execution(started[0].id)
    assert (row["state"], row["queued_reason"]) == ("queued", "It waits for its turn: at most 2 at a time.")
    first = look(scene)
    assert [ref.execution_id for ref in first] == [each.id for each in started[:2]]
    assert scene.execution(started[0].id)["queued_reason"] is None
    assert look(scene) == []
    end(scene, first[1])
    (third,) = look(scene)
    assert third.execution_id == started[2].id
    end(scene, first[0], third)
    end(scene, *look(scene))
    assert look(scene) == []
    assert scene.connection.execute("SELECT count(*) FROM admissions").fetchall() == [(0,)]
    assert scene.connection.execute("SELECT DISTINCT state FROM executions").fetchall() == [("success",)]


def test_a_key_holds_up_only_those_who_share_it(scene: Scene) -> None:
    limited(scene, concurrencyKey="{{ input.customer }}")
    ids = [scene.start({"customer": name}).id for name in ("a", "a", "b", 7, "a")]
    first = look(scene)
    assert [ref.execution_id for ref in first] == [ids[0], ids[2], ids[3]]
    end(scene, first[0])
    assert [ref.execution_id for ref in look(scene)] == [ids[1]]


def test_a_long_line_with_one_key_does_not_hide_the_others(scene: Scene) -> None:
    limited(scene, concurrencyKey="{{ input.customer }}")
    for _ in range(250):
        scene.start({"customer": "a"})
    last = scene.start({"customer": "b"}).id
    assert [ref.execution_id for ref in look(scene)][1:] == [last]


def test_a_window_of_time_has_only_so_many_starts(scene: Scene) -> None:
    limited(scene, rate={"max": 2, "perMs": 60_000})
    for _ in range(3):
        scene.start()
    first = look(scene)
    end(scene, *first)
    assert (len(first), look(scene)) == (2, [])
    scene.connection.execute("UPDATE admissions SET admitted_at = admitted_at - interval '60 seconds'")
    assert len(look(scene)) == 1


def test_the_urgent_go_first(scene: Scene) -> None:
    limited(scene, maxConcurrent=1)
    ids = [scene.start(priority=priority).id for priority in (0, 1, 2)]
    order = []
    while refs := look(scene):
        order += [(ref.execution_id, ref.priority) for ref in refs]
        end(scene, *refs)
    assert order == [(ids[2], 2), (ids[1], 1), (ids[0], 0)]


def test_a_run_that_waits_can_be_canceled_and_holds_up_nobody(scene: Scene) -> None:
    limited(scene, maxConcurrent=1)
    first, second = scene.start().id, scene.start().id
    assert stranded(scene.connection) == [], "waiting for a turn is no accident"
    assert cancel_execution(scene.connection, first) is CancelResult.CANCELED
    assert scene.one("SELECT execution_id FROM admissions")["execution_id"] == second
    (ref,) = look(scene)
    assert ref.execution_id == second


def test_a_run_that_is_canceled_just_when_it_is_its_turn_takes_nobodys_slot(scene: Scene) -> None:
    limited(scene, maxConcurrent=1)
    first, second = scene.start().id, scene.start().id
    scene.connection.execute(
        "CREATE TEMPORARY TABLE seen AS SELECT * FROM admissions WHERE execution_id = %s", (first,)
    )
    cancel_execution(scene.connection, first)
    scene.connection.execute("INSERT INTO admissions SELECT * FROM seen")
    assert [ref.execution_id for ref in look(scene)] == [second]
    assert scene.one("SELECT execution_id FROM admissions")["execution_id"] == second


def test_a_run_that_is_canceled_later_gives_its_slot_back(scene: Scene) -> None:
    limited(scene, maxConcurrent=1)
    first, second = scene.start().id, scene.start().id
    look(scene)
    cancel_execution(scene.connection, first)
    assert [ref.execution_id for ref in look(scene)] == [second]


def test_a_key_that_the_input_does_not_give_refuses_the_start(scene: Scene) -> None:
    limited(scene, concurrencyKey="{{ input.customer.id }}")
    with pytest.raises(InvalidValue, match="concurrencyKey"):
        scene.start({"customer": None})


@pytest.fixture
def other(scene: Scene) -> Iterator[psycopg.Connection[Any]]:
    with connect(scene.database_url, application_name="other", autocommit=True) as connection:
        connection.execute("SET lock_timeout = '100ms'")
        yield connection


def test_two_processes_never_admit_for_one_workflow_at_once(scene: Scene, other: psycopg.Connection[Any]) -> None:
    limited(scene, maxConcurrent=1)
    ids: list[UUID] = [scene.start().id for _ in range(2)]
    with scene.connection.transaction():
        admitted = admit(scene.connection, scene.workflow_id)
        with pytest.raises(psycopg.errors.LockNotAvailable):
            admit(other, scene.workflow_id)
    assert [ref.execution_id for ref in admitted] == ids[:1]
    assert admit(other, scene.workflow_id) == []
