"""Group commit: all claims and outcomes that are waiting are written together, in one transaction at a time per process.

While a transaction is on its way the next batch gathers, so a busy process commits in large batches; there is no timer.
In an idle one nothing gathers: whoever asks writes at once, in its own thread. A batch that fails on a data error is
halved until the guilty outcome is alone.
"""

import queue
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import Any

import psycopg

from shared import metrics
from shared.db.pool import SERVER_ERRORS, Plans, connect, server_is_away
from shared.domain.outcome import Key, Outcome
from shared.domain.payload import stored_size
from shared.engine.batch import Batch, Options, by_week, run_batch
from shared.engine.known import forget_executions
from shared.engine.requests import Claim, Claimed, Completed, NotClaimed
from shared.log import get_logger

MAX_BATCH = 64
MAX_BATCH_CHARACTERS = 8_000_000
UNWILLING_TRIES = 20
_RETRY_S = (0.05, 0.1, 0.2, 0.5, 1.0, 2.0)

_log = get_logger(__name__)


@dataclass(slots=True)
class _Asked:
    """A request that waits for its answer; `tries`: how often the server would not, although it was there."""

    request: Claim | Outcome
    future: "Future[Any]" = field(default_factory=Future)
    tries: int = 0


def _key(asked: _Asked) -> Key:
    return asked.request.key


def _size(asked: _Asked) -> int:
    """Characters of what a step was given and returned, and of the items of a loop."""
    request = asked.request
    if isinstance(request, Claim):
        return 0
    items = sum(map(stored_size, request.items)) if request.items else 0
    return stored_size(request.input) + stored_size(request.output) + items


class Committer:
    """Takes claims and outcomes from any thread and answers with futures, which are done on return if nobody else asks.

    A future fails with psycopg.DataError (or another error of its own) when its row cannot be written; a server that
    does not answer is waited for, with the same fences: a batch whose commit was in doubt finds itself again.
    """

    def __init__(self, database_url: str, options: Options, on_batch: Callable[[Batch], None]) -> None:
        self._database_url = database_url
        self._options = options
        self._on_batch = on_batch
        self._queue: queue.SimpleQueue[_Asked | None] = queue.SimpleQueue()
        # Who holds the turn uses the connection.
        self._turn = threading.Lock()
        self._batch_waits = False
        self._closed = False
        self._connection: psycopg.Connection[Any] | None = None
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="committer", daemon=True)
        self._thread.start()

    def claim(self, claim: Claim) -> "Future[Claimed | NotClaimed]":
        """Ask for a step."""
        return self._ask(claim)

    def complete(self, outcome: Outcome) -> "Future[Completed]":
        """Hand in how an attempt ended."""
        return self._ask(outcome)

    def close(self) -> None:
        """Write what is waiting and what is being written, then stop; who asks later gets a RuntimeError."""
        self._stopping.set()
        self._queue.put(None)
        self._thread.join(timeout=10)

    def _ask(self, request: Claim | Outcome) -> "Future[Any]":
        asked = _Asked(request)
        # Waking the thread and being woken by it costs more than what they save when there is nothing to gather.
        if not self._batch_waits and self._queue.empty() and self._turn.acquire(blocking=False):
            try:
                if self._closed:
                    self._refuse(asked)
                else:
                    self._write_weeks([asked])
            finally:
                self._turn.release()
            return asked.future
        self._queue.put(asked)
        if self._closed:
            # Nobody else will look into the queue any more.
            while (left := self._first()) is not None:
                self._refuse(left)
        return asked.future

    def _refuse(self, asked: _Asked) -> None:
        asked.future.set_exception(RuntimeError("the committer is closed"))

    def _run(self) -> None:
        while (first := self._first()) is not None:
            self._batch_waits = True
            with self._turn:
                self._batch_waits = False
                self._write_weeks(self._gather(first))
        with self._turn:
            self._closed = True
            # Asked for while the last one wrote: it looked into the queue before this.
            while (first := self._first()) is not None:
                self._write_weeks(self._gather(first))
            if self._connection is not None:
                self._connection.close()

    def _first(self) -> _Asked | None:
        """The next one; None once the committer is closed and nothing waits."""
        while True:
            try:
                first = self._queue.get(block=not self._stopping.is_set())
            except queue.Empty:
                return None
            if first is not None:
                return first

    def _gather(self, first: _Asked) -> list[_Asked]:
        """Everything that waits now, at most MAX_BATCH and about MAX_BATCH_CHARACTERS."""
        asked, size = [first], _size(first)
        while len(asked) < MAX_BATCH and size < MAX_BATCH_CHARACTERS and not self._queue.empty():
            more = self._queue.get()
            if more is not None:
                asked.append(more)
                size += _size(more)
        return asked

    def _write_weeks(self, asked: Sequence[_Asked]) -> None:
        for week in by_week(asked, _key):
            try:
                self._write(week)
            except Exception as error:  # noqa: BLE001 - the committer must live, whatever it was
                _log.exception("the committer failed at a batch in a way it should not")
                for one in week:
                    if not one.future.done():
                        one.future.set_exception(error)

    def _write(self, asked: Sequence[_Asked]) -> None:
        claims = [one for one in asked if isinstance(one.request, Claim)]
        outcomes = [one for one in asked if isinstance(one.request, Outcome)]
        batch = Batch([one.request for one in claims], [one.request for one in outcomes], self._options)  # type: ignore[misc]
        try:
            self._transact(batch)
        except Exception as error:  # noqa: BLE001 - whatever it is, only the guilty one may fail
            self._split(asked, error)
            return
        metrics.COMMITTER_BATCH.observe(len(asked))
        for one, answer in zip([*claims, *outcomes], [*batch.claimed, *batch.completed], strict=True):
            one.future.set_result(answer)
        self._on_batch(batch)

    def _split(self, asked: Sequence[_Asked], error: Exception) -> None:
        if len(asked) > 1:
            middle = len(asked) // 2
            self._write(asked[:middle])
            self._write(asked[middle:])
            return
        (one,) = asked
        one.tries += 1
        if isinstance(error, psycopg.OperationalError) and one.tries < UNWILLING_TRIES and not self._stopping.is_set():
            _log.warning("Postgres would not; trying again", error=str(error).strip(), attempt=one.tries)
            self._queue.put(one)
        else:
            one.future.set_exception(error)

    def _transact(self, batch: Batch) -> None:
        """Run the batch until it is committed; waits for a server that is away, reruns after a deadlock.

        Raises what the server says of the batch itself, a time limit or a full disk among it.
        """
        for attempt in range(1_000_000):
            try:
                run_batch(self._connect(), batch)
            except (psycopg.errors.DeadlockDetected, psycopg.errors.SerializationFailure):
                _log.info("a batch met another one; running it again")
            except SERVER_ERRORS as error:
                if not server_is_away(error):
                    raise
                self._away(attempt, error)
            else:
                return

    def _away(self, attempt: int, error: psycopg.Error) -> None:
        if self._stopping.is_set() and attempt > len(_RETRY_S):
            raise error
        _log.warning("Postgres does not answer; trying again", error=str(error).strip(), attempt=attempt + 1)
        if self._connection is not None:
            self._connection.close()
        self._connection = None
        forget_executions()
        time.sleep(_RETRY_S[min(attempt, len(_RETRY_S) - 1)])

    def _connect(self) -> psycopg.Connection[Any]:
        if self._connection is None or self._connection.closed:
            self._connection = connect(
                self._database_url, application_name="flowversal-committer", autocommit=True, plans=Plans.KEPT
            )
        return self._connection
