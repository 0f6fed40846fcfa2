"""One message, one step: claim, run, complete, publish what follows. Dramatiq acknowledges when this returns."""

import secrets
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from uuid import UUID

import httpx2
import psycopg

from services.worker.attempt import Runner, failed
from services.worker.context import StepContext
from services.worker.logs import LogWriter
from services.worker.running import Registry, Running, acknowledger
from shared import metrics
from shared.broker import StepRef
from shared.domain.errors import NodeError
from shared.domain.outcome import Outcome
from shared.engine.committer import Committer
from shared.engine.repair import ready_successors
from shared.engine.requests import Claim, Claimed, Completed, NotClaimed
from shared.log import get_logger
from shared.publisher import Publisher

PUBLISH_WAIT_S = 5.0
_log = get_logger(__name__)


class StepRunner:
    """The pipeline of one process, shared by its worker threads."""

    def __init__(
        self,
        *,
        database_url: str,
        committer: Committer,
        runner: Runner,
        publisher: Publisher,
        registry: Registry,
        logs: LogWriter,
        http: httpx2.AsyncClient,
        threads: ThreadPoolExecutor,
    ) -> None:
        self._database_url = database_url
        self._committer = committer
        self._runner = runner
        self._publisher = publisher
        self._registry = registry
        self._logs = logs
        self._http = http
        self._threads = threads
        self._current = threading.local()

    def received(self, message: Any) -> None:
        """Remember the message that this thread is about to process."""
        self._current.message = message

    def __call__(self, execution_id: str, node: str, item: str) -> None:
        """Do everything that a message asks for. Raises only when Postgres is away for good."""
        key = (UUID(hex=execution_id), node, item)
        message = getattr(self._current, "message", None)
        answer = self._committer.claim(Claim(key, secrets.randbits(62))).result()
        if isinstance(answer, NotClaimed):
            self._not_claimed(answer, message)
            return
        running = Running(key, answer.fence, acknowledge=acknowledger(message))
        self._registry.add(running)
        try:
            outcome = self._run(answer, running)
            completed = self._complete(answer, outcome)
        finally:
            self._registry.remove(running)
        if completed.accepted:
            self._publish(completed.ready)
        else:
            metrics.STALE_OUTCOMES.inc()

    def _run(self, claimed: Claimed, running: Running) -> Outcome:
        ctx = StepContext(claimed, self._logs, self._http, self._threads)
        metrics.STEP_QUEUE_WAIT.labels(claimed.node.type).observe(claimed.queue_wait_s or 0.0)
        started = time.perf_counter()
        outcome = self._runner.run(claimed, running, ctx)
        metrics.STEP_DURATION.labels(claimed.node.type).observe(time.perf_counter() - started)
        return outcome

    def _complete(self, claimed: Claimed, outcome: Outcome) -> Completed:
        """Commit the outcome; one that Postgres cannot store fails the step instead."""
        try:
            return self._committer.complete(outcome).result()
        except (psycopg.DataError, psycopg.ProgrammingError) as error:
            _log.exception("an outcome could not be stored", node=claimed.node.id)
            text = f"Postgres refused the step's output: {str(error).splitlines()[0]}"
            return self._committer.complete(failed(claimed, NodeError("INVALID_OUTPUT", text))).result()

    def _not_claimed(self, answer: NotClaimed, message: Any) -> None:
        """A message came twice. If its step is over, a crash may have lost the messages of what follows: send them."""
        metrics.DUPLICATE_CLAIMS.inc()
        if answer.finished and getattr(message, "redelivered", False):
            self._publish(ready_successors(self._database_url, answer.key))

    def _publish(self, refs: tuple[StepRef, ...]) -> None:
        """Wait for the broker's word, so that the own message is acknowledged only after its successors are safe."""
        if refs:
            try:
                self._publisher.publish(refs).result(timeout=PUBLISH_WAIT_S)
            except TimeoutError:
                _log.warning("the broker did not confirm in time; the sweeper will see to it", steps=len(refs))
