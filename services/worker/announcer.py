"""What a worker process says once something is committed: messages to the broker, hints to the pages, numbers."""

from collections.abc import Iterable
from uuid import UUID

from services.worker.reporter import Reporter
from shared import metrics
from shared.engine.batch import Batch
from shared.engine.complete import Applied
from shared.engine.start import Started
from shared.live import HintWriter
from shared.nodes.base import Call
from shared.publisher import Publisher


class Announcer:
    """All of it from any thread. `reporter` hears which executions end here, and which of them are waited for."""

    reporter: Reporter

    def __init__(self, publisher: Publisher, hints: HintWriter) -> None:
        self._publisher = publisher
        self._hints = hints

    def batch(self, batch: Batch) -> None:
        """The committer wrote a batch; who asked for its steps publishes what follows them."""
        self._hints.touch(*batch.touched)
        self._ended(batch.ended.values())
        self.reporter.ended(batch.ended)

    def started(self, started: Started, call: Call) -> None:
        """A step started an execution."""
        metrics.EXECUTIONS_STARTED.labels("workflow").inc()
        if call.wait:
            self.reporter.expect(started.id)
        self._publisher.publish(started.ready)
        self._hints.touch(started.id)

    def answered(self, execution_id: UUID) -> None:
        """A step has answered whoever waits for its run."""
        self._hints.touch(execution_id)

    def reported(self, applied: Applied) -> None:
        """A parent was told that its child is over."""
        self._publisher.publish(applied.ready)
        self._hints.touch(*applied.touched)
        self._ended(applied.ended.values())

    @staticmethod
    def _ended(states: Iterable[str]) -> None:
        for state in states:
            metrics.EXECUTIONS_FINISHED.labels(state).inc()
