"""The committer: many threads' claims and outcomes in few transactions, and what happens to them when something fails."""

import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any
from uuid import UUID

import psycopg
import pytest

from shared.domain.outcome import Kind, Outcome
from shared.engine.batch import Batch, Options, run_batch
from shared.engine.committer import Committer
from shared.engine.requests import Claim, Claimed, NotClaimed
from tests.integration.engine.conftest import EngineScene

ANSWER_S = 20.0


class Watched(Committer):
    """Notes how large its batches are, and can be kept busy while requests gather."""

    def __init__(self, database_url: str) -> None:
        self.sizes: list[int] = []
        super().__init__(database_url, Options(worker="w"), self._note)

    def _note(self, batch: Batch) -> None:
        self.sizes.append(len(batch.claims) + len(batch.outcomes))

    @contextmanager
    def busy(self) -> Iterator[None]:
        """As if somebody wrote all the while: what is asked for here becomes one batch."""
        with self._turn:
            yield


@pytest.fixture
def committer(scene: EngineScene) -> Iterator[Watched]:
    made = Watched(scene.database_url)
    yield made
    made.close()


def claim_all(scene: EngineScene, committer: Watched, count: int) -> list[Claimed]:
    """Start executions and claim their first steps, all asked for at once."""
    refs = [scene.start().ready[0] for _ in range(count)]
    with committer.busy():
        asked = [committer.claim(Claim((*ref[:3],), number)) for number, ref in enumerate(refs)]
    answers = [future.result(ANSWER_S) for future in asked]
    assert all(isinstance(answer, Claimed) for answer in answers)
    return [answer for answer in answers if isinstance(answer, Claimed)]


def test_only_the_guilty_outcome_of_a_batch_fails(scene: EngineScene, committer: Watched) -> None:
    claimed = claim_all(scene, committer, 20)
    outputs = ["not json" if number == 13 else str(number) for number in range(20)]
    with committer.busy():
        pairs = zip(claimed, outputs, strict=True)
        asked = [committer.complete(scene.done(each, output=output)) for each, output in pairs]
    errors = [future.exception(ANSWER_S) for future in asked]
    assert [number for number, error in enumerate(errors) if error is not None] == [13]
    assert isinstance(errors[13], psycopg.DataError)
    assert scene.one("SELECT count(*) AS n FROM steps WHERE node = 'a' AND state = 'success'")["n"] == 19
    assert max(committer.sizes) >= 10, "the innocent half was written together"


def test_text_that_is_no_text_fails_alone_too(scene: EngineScene, committer: Watched) -> None:
    good, bad = claim_all(scene, committer, 2)
    with committer.busy():
        outcomes = [scene.done(good, output="1"), scene.done(bad, output='"\udc00"')]
        asked = [committer.complete(outcome) for outcome in outcomes]
    assert asked[0].result(ANSWER_S).accepted
    assert asked[1].exception(ANSWER_S) is not None


def test_one_step_is_claimed_once_however_often_it_is_asked_for(scene: EngineScene, committer: Watched) -> None:
    ref = scene.start().ready[0]
    with committer.busy():
        asked = [committer.claim(Claim((*ref[:3],), fence)) for fence in range(30)]
    answers = [future.result(ANSWER_S) for future in asked]
    assert sum(isinstance(answer, Claimed) for answer in answers) == 1
    assert sum(isinstance(answer, NotClaimed) for answer in answers) == 29
    winner = next(answer for answer in answers if isinstance(answer, Claimed))
    assert scene.step(ref)["fence"] == winner.fence


def test_a_node_that_the_plan_does_not_have_is_not_claimed(scene: EngineScene, committer: Watched) -> None:
    ref = scene.start().ready[0]
    assert committer.claim(Claim((ref.execution_id, "nobody", ""), 1)).result(ANSWER_S) == NotClaimed(
        (ref.execution_id, "nobody", "")
    )


def test_it_outlives_its_connection(scene: EngineScene, committer: Watched) -> None:
    (first,) = claim_all(scene, committer, 1)
    killed = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'flowversal-committer'"
    assert scene.connection.execute(killed).fetchall() == [(True,)]
    completed = committer.complete(scene.done(first, output="1")).result(ANSWER_S)
    assert completed.accepted
    claim_all(scene, committer, 3)


def test_large_outputs_of_many_steps(scene: EngineScene, committer: Watched) -> None:
    claimed = claim_all(scene, committer, 12)
    text = '"' + "x" * 3_000_000 + '"'
    with committer.busy():
        asked = [committer.complete(Outcome(each.key, Kind.DONE, each.fence, output=text)) for each in claimed]
    assert all(future.result(60).accepted for future in asked)
    assert 1 < max(committer.sizes[1:]) < 12, "several at a time, but not all: a batch is bounded in size too"


def test_what_waits_is_written_before_it_closes(scene: EngineScene) -> None:
    committer = Watched(scene.database_url)
    claimed = claim_all(scene, committer, 10)
    with committer.busy():
        asked = [committer.complete(scene.done(each, output="1")) for each in claimed]
    committer.close()
    assert all(future.result(0).accepted for future in asked)


def test_an_idle_one_writes_before_it_returns(scene: EngineScene, committer: Watched) -> None:
    assert isinstance(committer.claim(Claim((*scene.start().ready[0][:3],), 1)).result(0), Claimed)


def test_it_waits_for_who_writes_and_refuses_who_comes_later(
    scene: EngineScene, other: Callable[[], psycopg.Connection[Any]]
) -> None:
    committer = Watched(scene.database_url)
    blocked, later = claim_all(scene, committer, 2)
    holding = other()
    with ThreadPoolExecutor(2) as threads:
        with holding.transaction():
            holding.execute("SELECT FROM executions WHERE id = %s FOR UPDATE", (blocked.key[0],))
            writing = threads.submit(committer.complete, scene.done(blocked, output="1"))
            while committer._turn.acquire(blocking=False):
                committer._turn.release()
            meanwhile = committer.complete(scene.done(later, output="1"))
            closing = threads.submit(committer.close)
            with pytest.raises(TimeoutError):
                closing.result(0.3)
        closing.result(ANSWER_S)
        assert writing.result(ANSWER_S).result(ANSWER_S).accepted
    assert meanwhile.result(0).accepted
    for _ in range(2):
        assert isinstance(committer.claim(Claim(later.key, 9)).exception(0), RuntimeError)


def test_an_id_of_no_time_is_not_claimed_and_harms_nobody(scene: EngineScene, committer: Watched) -> None:
    strange = (UUID(int=(1 << 128) - 1), "a", "")
    assert committer.claim(Claim(strange, 1)).result(ANSWER_S) == NotClaimed(strange)
    claim_all(scene, committer, 2)


def test_it_closes_at_once(scene: EngineScene) -> None:
    for _ in range(20):
        committer = Watched(scene.database_url)
        committer.claim(Claim((*scene.start().ready[0][:3],), 1))
        began = time.monotonic()
        committer.close()
        assert time.monotonic() - began < 5


def test_a_row_that_somebody_holds_does_not_stop_the_others(
    scene: EngineScene, committer: Watched, other: Callable[[], psycopg.Connection[Any]]
) -> None:
    blocked, free = claim_all(scene, committer, 2)
    holding = other()
    with holding.transaction():
        holding.execute("SELECT FROM executions WHERE id = %s FOR UPDATE", (blocked.key[0],))
        waiting = committer.complete(scene.done(blocked, output="1"))
        assert committer.complete(scene.done(free, output="1")).result(ANSWER_S).accepted
        assert not waiting.done()
    assert waiting.result(ANSWER_S).accepted


def test_a_commit_in_doubt_is_found_again(scene: EngineScene, monkeypatch: pytest.MonkeyPatch) -> None:
    """The server commits and the answer is lost: the batch runs again, and the successors are still published."""
    seen: list[Batch] = []
    lost = [True]

    def commit_and_lose(connection: psycopg.Connection[Any], batch: Batch) -> Batch:
        done = run_batch(connection, batch)
        if batch.outcomes and lost.pop():
            lost.append(False)
            connection.close()
            raise psycopg.OperationalError("the connection is lost")
        return done

    monkeypatch.setattr("shared.engine.committer.run_batch", commit_and_lose)
    committer = Committer(scene.database_url, Options(worker="w"), seen.append)
    first = committer.claim(Claim((*scene.start().ready[0][:3],), 1)).result(ANSWER_S)
    assert isinstance(first, Claimed)
    completed = committer.complete(scene.done(first, output="1")).result(ANSWER_S)
    assert (completed.accepted, [ref.node for ref in completed.ready]) == (True, ["b"])
    (second,) = [committer.claim(Claim((*completed.ready[0][:3],), 5)).result(ANSWER_S)]
    lost[:] = [True]
    assert isinstance(second, Claimed)
    assert committer.complete(scene.done(second, output="1")).result(ANSWER_S).accepted
    committer.close()
    assert seen[-1].ended == {first.key[0]: "success"}, "the end is counted although its first commit was in doubt"
    assert scene.one("SELECT count(*) AS n FROM stats_delta")["n"] == 1
