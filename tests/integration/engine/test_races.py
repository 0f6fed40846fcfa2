"""Races between real connections. Each one is forced: a lock is held until Postgres says that the other side waits."""

import threading
import time
from collections.abc import Callable
from typing import Any

import psycopg
import pytest

from shared.domain.outcome import Kind
from shared.engine.batch import Batch, Options, run_batch
from shared.engine.cancel import CancelResult, cancel_execution
from shared.engine.requests import Claim, Claimed, NotClaimed
from tests.integration.engine.conftest import EngineScene
from tests.integration.engine.test_batch import FORK

Open = Callable[[], psycopg.Connection[Any]]
WAITING = "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()"


class Racer:
    """A call in a thread of its own."""

    def __init__(self, call: Callable[[], Any]) -> None:
        self.result: Any = None
        self._thread = threading.Thread(target=self._run, args=(call,))
        self._thread.start()

    def _run(self, call: Callable[[], Any]) -> None:
        self.result = call()

    def join(self) -> Any:
        self._thread.join(timeout=20)
        assert not self._thread.is_alive()
        return self.result


def await_waiter(connection: psycopg.Connection[Any]) -> None:
    """Return once some other connection waits for a lock."""
    until = time.monotonic() + 10
    while True:
        row = connection.execute(WAITING).fetchone()
        if row and row[0]:
            return
        assert time.monotonic() < until, "nobody waits for a lock"


def test_a_claim_that_waits_for_a_cancel_finds_nothing(scene: EngineScene, other: Open) -> None:
    started = scene.start()
    canceling, claiming = other(), other()
    with canceling.transaction():
        assert cancel_execution(canceling, started.id) is CancelResult.CANCELED
        claim = Claim((*started.ready[0][:3],), 9)
        racer = Racer(lambda: run_batch(claiming, Batch([claim], [], Options())).claimed[0])
        await_waiter(scene.connection)
    assert isinstance(racer.join(), NotClaimed)
    assert scene.states(started.id) == {"a": "canceled"}
    assert scene.execution(started.id)["state"] == "canceled"


def test_a_cancel_that_waits_for_a_claim_stops_what_runs(scene: EngineScene, other: Open) -> None:
    started = scene.start()
    claiming, canceling = other(), other()
    claiming.autocommit = False
    claim = Claim((*started.ready[0][:3],), 9)
    claimed = run_batch(claiming, Batch([claim], [], Options())).claimed[0]
    assert isinstance(claimed, Claimed)
    canceling.autocommit = False
    racer = Racer(lambda: cancel_execution(canceling, started.id))
    await_waiter(scene.connection)
    claiming.commit()
    assert racer.join() is CancelResult.CANCELING
    canceling.commit()
    execution = scene.execution(started.id)
    assert (execution["state"], execution["stopping"], execution["open_steps"]) == ("running", "cancel", 1)
    scene.complete(claimed, Kind.STOPPED)
    assert scene.execution(started.id)["state"] == "canceled"
    assert scene.states(started.id) == {"a": "canceled"}


@pytest.mark.parametrize("cancel_first", [True, False])
def test_cancel_against_complete(scene: EngineScene, other: Open, *, cancel_first: bool) -> None:
    """Whoever comes first wins, and the other sees it: no successor starts after a cancel was accepted."""
    started = scene.start()
    claimed = scene.claim(started.ready[0])
    canceling, completing = other(), other()
    canceling.autocommit = completing.autocommit = False

    def cancel() -> CancelResult:
        return cancel_execution(canceling, started.id)

    def complete() -> Any:
        return run_batch(completing, Batch([], [scene.done(claimed)], Options())).completed[0]

    first, second = (cancel, complete) if cancel_first else (complete, cancel)
    first()
    racer = Racer(second)
    await_waiter(scene.connection)
    (canceling if cancel_first else completing).commit()
    racer.join()
    (completing if cancel_first else canceling).commit()
    execution = scene.execution(started.id)
    assert (execution["state"], execution["open_steps"]) == ("canceled", 0)
    expected = {"a": "success"} if cancel_first else {"a": "success", "b": "canceled"}
    assert scene.states(started.id) == expected
    assert scene.one("SELECT count(*) AS n FROM stats_delta") == {"n": 1}


def test_two_paths_reach_a_join_from_two_connections(scene: EngineScene, other: Open) -> None:
    scene.use(FORK)
    started = scene.start()
    claimed = [scene.claim_node(started.id, node) for node in ("a", "b", "d")]
    one, two = other(), other()
    one.autocommit = False
    run_batch(one, Batch([], [scene.done(claimed[0])], Options()))
    racer = Racer(lambda: run_batch(two, Batch([], [scene.done(c) for c in claimed[1:]], Options())).completed)
    await_waiter(scene.connection)
    one.commit()
    assert [ref.node for done in racer.join() for ref in done.ready] == ["z"]
    assert scene.one("SELECT arrived FROM steps WHERE node = 'z'") == {"arrived": 3}


def test_many_connections_drive_many_joins(scene: EngineScene, other: Open) -> None:
    """Eight threads complete the paths of twenty executions in every order: no deadlock survives, no join starts twice."""
    scene.use(FORK)
    started = [scene.start() for _ in range(20)]
    claimed = [scene.claim_node(s.id, node) for s in started for node in ("a", "b", "d")]
    connections = [other() for _ in range(8)]
    ready: list[str] = []

    def work(index: int) -> None:
        for position in range(index, len(claimed), 8):
            batch = run_batch(connections[index], Batch([], [scene.done(claimed[position])], Options()))
            ready.extend(ref.node for done in batch.completed for ref in done.ready)

    racers = [Racer(lambda index=index: work(index)) for index in range(8)]
    for racer in racers:
        racer.join()
    assert ready == ["z"] * 20
    assert scene.one("SELECT count(*) AS n FROM steps WHERE node = 'z' AND state = 'ready'") == {"n": 20}


def test_cancel_is_idempotent_and_says_what_it_found(scene: EngineScene) -> None:
    started = scene.start()
    assert cancel_execution(scene.connection, started.id) is CancelResult.CANCELED
    assert cancel_execution(scene.connection, started.id) is CancelResult.ALREADY_CANCELED
    assert cancel_execution(scene.connection, scene.run_through()) is CancelResult.NOT_CANCELABLE
    assert cancel_execution(scene.connection, scene.workflow_id) is CancelResult.NOT_FOUND
