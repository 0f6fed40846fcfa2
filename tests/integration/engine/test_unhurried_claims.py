"""Claims that need not wait for the disk: only of pure nodes, of executions that have begun, alone in their transaction."""

from collections.abc import Callable
from typing import Any

import psycopg
import pytest

from shared.db import hot
from shared.db.wire import Answer, Wire
from shared.domain.outcome import Outcome
from shared.engine.batch import Batch, Options, run_batch
from shared.engine.requests import Claim, Claimed
from tests.factories import definition, edge, node
from tests.integration.engine.conftest import EngineScene

FAN = definition(
    node("start"),
    *(node(name) for name in ("left", "right")),
    node("effect", "simulate", {"durationMs": 1}),
    edges=[edge("start", name) for name in ("left", "right", "effect")],
)


@pytest.fixture
def unhurried(monkeypatch: pytest.MonkeyPatch) -> Callable[[], bool]:
    """Whether a statement since the last call gave up to wait for the disk."""
    sent: list[str] = []
    send = Wire.send

    def record(wire: Wire, statement: str, parameters: dict[str, Any] | None = None) -> Answer:
        sent.append(statement)
        return send(wire, statement, parameters)

    monkeypatch.setattr(Wire, "send", record)

    def asked() -> bool:
        found = hot.UNHURRIED in sent
        sent.clear()
        return found

    return asked


def claim(connection: psycopg.Connection[Any], *nodes: tuple[Any, str], outcomes: tuple[Outcome, ...] = ()) -> Claimed:
    """Claim steps in one batch; the last one."""
    asked = [Claim((id, name, ""), 7) for id, name in nodes]
    answer = run_batch(connection, Batch(asked, outcomes, Options())).claimed[-1]
    assert isinstance(answer, Claimed)
    return answer


def test_which_claims_wait_for_the_disk(scene: EngineScene, unhurried: Callable[[], bool]) -> None:
    scene.use(FAN)
    scene.connection.execute("SET synchronous_commit = on")
    id, other = scene.start().id, scene.start().id
    first = claim(scene.connection, (id, "start"))
    assert not unhurried(), "the first one starts the execution: its time of start must stay"
    run_batch(scene.connection, Batch([], [scene.done(first, output="1")], Options()))
    assert not unhurried(), "an outcome always waits"
    left = claim(scene.connection, (id, "left"))
    assert unhurried()
    claim(scene.connection, (id, "right"), outcomes=(scene.done(left, output="1"),))
    assert not unhurried(), "the claim shares the transaction of an outcome"
    claim(scene.connection, (id, "effect"))
    assert not unhurried(), "its effects must not happen twice because Postgres forgot the claim"
    begun = claim(scene.connection, (other, "start"))
    run_batch(scene.connection, Batch([], [scene.done(begun, output="1")], Options()))
    claim(scene.connection, (other, "left"), (other, "effect"))
    assert not unhurried(), "one of them has effects"
    assert scene.one("SHOW synchronous_commit")["synchronous_commit"] == "on", "only that transaction"


def test_a_claim_that_postgres_forgot_is_claimed_again(scene: EngineScene) -> None:
    """After a crash the step is ready as before: the outcome of the forgotten attempt is stale, the next one counts."""
    scene.use(FAN)
    started = scene.start()
    scene.complete(scene.claim(started.ready[0]))
    before = scene.one("SELECT * FROM steps WHERE execution_id = %s AND node = 'left'", started.id)
    forgotten = claim(scene.connection, (started.id, "left"))
    scene.connection.execute(
        "UPDATE steps SET state = %s, attempt = %s, fence = %s, worker = %s, started_at = %s, lease_until = %s,"
        " deadline_at = %s WHERE execution_id = %s AND node = 'left'",
        [before[name] for name in ("state", "attempt", "fence", "worker", "started_at", "lease_until", "deadline_at")]
        + [started.id],
    )
    stale = run_batch(scene.connection, Batch([], [scene.done(forgotten, output="1")], Options())).completed[0]
    assert not stale.accepted
    again = scene.claim_node(started.id, "left")
    assert again.attempt == 1
    assert run_batch(scene.connection, Batch([], [scene.done(again, output="1")], Options())).completed[0].accepted
