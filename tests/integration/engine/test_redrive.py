"""Redrive: the same run again, once for each letter, whoever asks at the same time."""

import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any
from uuid import UUID

import psycopg
import pytest

from shared.domain.errors import Conflict, NotFound
from shared.domain.outcome import Kind
from shared.engine.bury import bury
from shared.engine.redrive import redrive, redrive_all
from shared.engine.retry import retry_execution
from shared.engine.start import Started
from shared.queries.shapes import Viewer
from tests.integration.engine.conftest import EngineScene

Other = Callable[[], psycopg.Connection[Any]]


def letters(scene: EngineScene, count: int = 1) -> list[tuple[UUID, UUID]]:
    """(letter, execution) of some runs that failed with the input {"n": 10^30}."""
    for _ in range(count):
        claimed = scene.claim(scene.start().ready[0])
        scene.complete(claimed, Kind.FAILED, error_code="X", error='{"code":"X","message":"x"}')
        scene.connection.execute(
            "UPDATE execution_data SET input = %s WHERE execution_id = %s AND node = ''",
            ('{"n": 1000000000000000000000000000001}', claimed.key[0]),
        )
    bury(scene.connection)
    return [
        (row[0], row[1]) for row in scene.connection.execute("SELECT id, execution_id FROM dead_letters ORDER BY id")
    ]


def once(scene: EngineScene, pair: tuple[UUID, UUID]) -> Started:
    with scene.connection.transaction():
        return redrive(scene.connection, *pair, viewer=Viewer(scene.user_id, everything=True))


def test_a_redrive_runs_the_same_again_and_the_letter_says_as_what(scene: EngineScene) -> None:
    (pair,) = letters(scene)
    started = once(scene, pair)
    row, first = scene.execution(started.id), scene.execution(pair[1])
    assert (row["retry_of"], row["trigger_type"], row["state"]) == (pair[1], "retry", "queued")
    assert (row["workflow_id"], row["version_id"]) == (first["workflow_id"], first["version_id"])
    given = "SELECT input::text AS text FROM execution_data WHERE execution_id = %s AND node = ''"
    assert scene.one(given, started.id)["text"] == '{"n": 1000000000000000000000000000001}'
    letter = scene.one("SELECT * FROM dead_letters WHERE id = %s", pair[0])
    assert (letter["state"], letter["redriven_as"], letter["closed_by"]) == ("redriven", started.id, scene.user_id)
    with pytest.raises(Conflict, match="redriven already, as exec-"):
        once(scene, pair)


def test_a_redriven_run_that_fails_again_has_a_letter_of_its_own(scene: EngineScene) -> None:
    (pair,) = letters(scene)
    started = once(scene, pair)
    scene.complete(scene.claim(started.ready[0]), Kind.FAILED, error_code="X", error='{"code":"X","message":"x"}')
    assert len(bury(scene.connection)) == 1
    assert scene.one("SELECT count(DISTINCT fingerprint) AS n, count(*) AS all FROM dead_letters") == {"n": 1, "all": 2}


def test_what_cannot_run_stays_open(scene: EngineScene) -> None:
    (pair,) = letters(scene)
    scene.connection.execute("UPDATE workflows SET enabled = false")
    with pytest.raises(Conflict, match="W: This workflow is disabled"):
        once(scene, pair)
    with scene.connection.transaction():
        done = redrive_all(scene.connection, [pair], viewer=Viewer(scene.user_id, everything=True))
    assert (done.started, list(done.refused)) == ({}, [pair[0]])
    assert scene.one("SELECT state FROM dead_letters")["state"] == "open"


def test_a_letter_that_retention_took_is_not_found(scene: EngineScene) -> None:
    (pair,) = letters(scene)
    scene.connection.execute("DELETE FROM dead_letters")
    with pytest.raises(NotFound):
        once(scene, pair)


def _waits(scene: EngineScene, connection: psycopg.Connection[Any]) -> bool:
    """Whether the backend of a connection waits for a lock."""
    pid = connection.info.backend_pid
    return bool(scene.one("SELECT wait_event_type = 'Lock' AS w FROM pg_stat_activity WHERE pid = %s", pid)["w"])


def _until_waits(scene: EngineScene, connection: psycopg.Connection[Any], thread: "Future[Any]") -> None:
    for _ in range(5_000):
        if _waits(scene, connection):
            return
        assert not thread.done(), "it did not wait"
        threading.Event().wait(0.002)
    raise AssertionError("it did not wait")


def test_two_at_once_redrive_it_once(scene: EngineScene, other: Other) -> None:
    """The second one waits for the first, and then says as which execution the letter was redriven."""
    (pair,) = letters(scene)
    first, second = other(), other()
    with ThreadPoolExecutor(1) as threads:
        with first.transaction():
            started = redrive(first, *pair, viewer=Viewer(scene.user_id, everything=True))

            def again() -> Started:
                with second.transaction():
                    return redrive(second, *pair, viewer=Viewer(scene.user_id, everything=True))

            late = threads.submit(again)
            _until_waits(scene, second, late)
        with pytest.raises(Conflict, match="redriven already"):
            late.result(10)
    retried = scene.one("SELECT array_agg(id) AS found FROM executions WHERE retry_of IS NOT NULL")
    assert retried["found"] == [started.id]


def test_many_at_once_by_two_take_each_letter_once(scene: EngineScene, other: Other) -> None:
    pairs = letters(scene, 4)
    first, second = other(), other()
    with ThreadPoolExecutor(1) as threads:
        with first.transaction():
            done = redrive_all(first, pairs[:3], viewer=Viewer(scene.user_id, everything=True))

            def rest() -> Any:
                with second.transaction():
                    return redrive_all(second, pairs[::-1], viewer=Viewer(scene.user_id, everything=True))

            late = threads.submit(rest)
            _until_waits(scene, second, late)
        assert set(done.started) == {pair[0] for pair in pairs[:3]}
        assert set(late.result(10).started) == {pairs[3][0]}
    assert scene.one("SELECT count(*) AS n FROM executions WHERE retry_of IS NOT NULL")["n"] == 4


def fail(scene: EngineScene) -> UUID:
    """A run that failed and has no letter yet."""
    claimed = scene.claim(scene.start().ready[0])
    scene.complete(claimed, Kind.FAILED, error_code="X", error='{"code":"X","message":"x"}')
    return claimed.key[0]


def by_hand(scene: EngineScene, connection: psycopg.Connection[Any], first: UUID) -> UUID:
    """What the API and a bulk action do with one."""
    return retry_execution(connection, first, scene.version_id, user_id=scene.user_id).id


def test_a_retry_by_hand_stands_for_a_redrive(scene: EngineScene) -> None:
    (pair,) = letters(scene)
    with scene.connection.transaction():
        again = by_hand(scene, scene.connection, pair[1])
    letter = scene.one("SELECT state, redriven_as, closed_by FROM dead_letters")
    assert letter == {"state": "redriven", "redriven_as": again, "closed_by": scene.user_id}
    with pytest.raises(Conflict, match="redriven already, as exec-"):
        once(scene, pair)


@pytest.mark.parametrize("letter_first", [True, False])
def test_a_letter_that_is_written_while_somebody_retries_is_closed(
    scene: EngineScene, other: Other, letter_first: bool
) -> None:
    failed, writer, person = fail(scene), other(), other()

    def retry() -> UUID:
        with person.transaction():
            return by_hand(scene, person, failed)

    if letter_first:
        with ThreadPoolExecutor(1) as threads:
            with writer.transaction():
                assert bury(writer) == [failed]
                late = threads.submit(retry)
                _until_waits(scene, person, late)
            again = late.result(10)
    else:
        with person.transaction():
            again = by_hand(scene, person, failed)
            assert bury(writer) == [], "it is not waited for"
        assert bury(writer) == [failed]
    assert scene.one("SELECT state, redriven_as FROM dead_letters") == {"state": "redriven", "redriven_as": again}


def test_who_may_not_start_the_workflow_any_more_does_not_redrive_its_runs(scene: EngineScene) -> None:
    (pair,) = letters(scene)
    stranger = scene.one("INSERT INTO users (email, name, role) VALUES ('e@x.org', 'E', 'editor') RETURNING id")["id"]
    scene.connection.execute("UPDATE workflows SET shared = false")
    with pytest.raises(Conflict, match="not shared with you any more"), scene.connection.transaction():
        redrive(scene.connection, *pair, viewer=Viewer(stranger, everything=False))
    assert scene.one("SELECT state FROM dead_letters")["state"] == "open"
