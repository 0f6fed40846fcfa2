"""One message, one step: claim, run, complete, publish what follows, acknowledge."""

import secrets
import threading
import time
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any
from uuid import UUID

import orjson
import psycopg

from services.worker.attempt import Runner
from services.worker.context import StepContext
from services.worker.logs import LogWriter
from services.worker.outcomes import failed, refused
from services.worker.outside import Outside
from services.worker.running import Registry, Running, hold
from services.worker.step_ai import StepAi
from shared import metrics
from shared.db.pool import connect
from shared.domain.errors import NodeError
from shared.domain.outcome import Outcome
from shared.engine.committer import Committer
from shared.engine.repair import ready_successors
from shared.engine.requests import Claim, Claimed, Completed, NotClaimed
from shared.live import HintWriter
from shared.log import get_logger
from shared.net.network import Network
from shared.publisher import Publisher

PUBLISH_WAIT_S = 5.0
# What the committer says of an outcome that no database could take.
UNSTORABLE = (psycopg.DataError, orjson.JSONEncodeError)
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
        outside: Outside,
        network: Network,
        threads: ThreadPoolExecutor,
        hints: HintWriter,
    ) -> None:
        self._database_url = database_url
        self._committer = committer
        self._runner = runner
        self._publisher = publisher
        self._registry = registry
        self._logs = logs
        self._outside = outside
        self._network = network
        self._threads = threads
        self._hints = hints
        self._current = threading.local()

    def received(self, message: Any) -> None:
        """Remember the message that this thread is about to process."""
        self._current.message = message

    def __call__(self, execution_id: str, node: str, item: str) -> None:
        """Do what a message asks for. Raises what kept the claim from being decided; the sweeper sends the message again.

        Where the broker can wait (RabbitMQ) and others commit, the thread is free again as soon as the node has run:
        whoever comes to it commits the outcome, publishes its successors and acknowledges the message. In an idle
        process that is this thread.
        """
        key = (UUID(hex=execution_id), node, item)
        message = getattr(self._current, "message", None)
        answer = self._committer.claim(Claim(key, secrets.randbits(62))).result()
        if isinstance(answer, NotClaimed):
            self._not_claimed(answer, message)
            return
        acknowledge = hold(message)
        running = Running(key, answer.fence, acknowledge=acknowledge)
        self._registry.add(running)
        ended: Future[None] = Future()
        try:
            outcome = self._run(answer, running)
        except BaseException:
            # Not even an outcome: the lease runs out, and another attempt counts it as a lost worker.
            self._registry.remove(running)
            if acknowledge is not None:
                acknowledge()
            raise
        self._complete(answer, running, outcome, ended)
        if acknowledge is None:
            ended.result()
        else:
            ended.add_done_callback(lambda _: acknowledge())

    def _run(self, claimed: Claimed, running: Running) -> Outcome:
        try:
            answer = self._outside.answer(claimed) if claimed.resumed else None
        except NodeError as error:
            # What it waited for is there, but too large to take, or gone from the store.
            return failed(claimed, error)
        urls = self._outside.callback_urls(claimed)
        ai = StepAi(claimed, self._outside.check_budget, self._hints)
        ctx = StepContext(
            claimed,
            self._logs,
            self._network,
            self._threads,
            open_credential=self._outside.credential,
            ai=ai,
            answer=answer,
            callback_urls=urls,
        )
        metrics.STEP_QUEUE_WAIT.labels(claimed.node.type).observe(claimed.queue_wait_s or 0.0)
        started = time.perf_counter()
        outcome = self._runner.run(claimed, running, ctx)
        ai.close()
        metrics.STEP_DURATION.labels(claimed.node.type).observe(time.perf_counter() - started)
        return outcome

    def _complete(self, claimed: Claimed, running: Running, outcome: Outcome, ended: "Future[None]") -> None:
        """Hand in the outcome; `ended` is done when its successors are with the broker."""
        asked = self._committer.complete(outcome)
        asked.add_done_callback(lambda _: self._completed(claimed, running, outcome, asked, ended))

    def _completed(
        self,
        claimed: Claimed,
        running: Running,
        outcome: Outcome,
        asked: "Future[Completed]",
        ended: "Future[None]",
    ) -> None:
        """In the thread that committed: publish what follows. An outcome that Postgres refuses fails its step instead."""
        error = asked.exception()
        if isinstance(error, UNSTORABLE) and running.refused is None:
            running.refused = error
            _log.error("an outcome could not be stored", node=claimed.node.id, exc_info=error)
            self._complete(claimed, running, refused(outcome, error), ended)
            return
        self._registry.remove(running)
        if error is not None:
            # The lease runs out and gives the step to another worker.
            _log.error("an outcome was not written", node=claimed.node.id, exc_info=error)
            ended.set_result(None)
            return
        completed = asked.result()
        if not completed.accepted:
            metrics.STALE_OUTCOMES.inc()
        metrics.count_ai_calls(outcome.ai_calls)
        self._publisher.publish(completed.ready).add_done_callback(lambda _: ended.set_result(None))

    def _not_claimed(self, answer: NotClaimed, message: Any) -> None:
        """A message came twice. If a crash lost the messages of what follows its step: send them."""
        metrics.DUPLICATE_CLAIMS.inc()
        if not getattr(message, "redelivered", False):
            return
        with connect(self._database_url, application_name="flowversal-repair", autocommit=True) as connection:
            refs = ready_successors(connection, answer.key)
        try:
            self._publisher.publish(refs).result(timeout=PUBLISH_WAIT_S)
        except TimeoutError:
            _log.warning("the broker did not confirm in time; the sweeper will see to it", steps=len(refs))
