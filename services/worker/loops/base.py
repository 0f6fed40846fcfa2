"""What a loop of clockwork is: one file in this folder, one subclass of `Loop`, found by scanning."""

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Any, ClassVar

import psycopg

from services.worker.loops.horizon import RenewedHorizon
from shared import metrics
from shared.engine.complete import Applied
from shared.live import HintWriter
from shared.publisher import Publisher
from shared.settings import Settings


@dataclass(frozen=True, slots=True)
class Tools:
    """What loops share: all safe to use from any thread."""

    settings: Settings
    publisher: Publisher
    hints: HintWriter

    def announce(self, applied: Applied, kind: str) -> None:
        """After the commit: publish what became ready, hint at what changed, count it as sweeper action `kind`."""
        self.publisher.publish(applied.ready)
        self.hints.touch(*applied.touched)
        metrics.SWEEPER_ACTIONS.labels(kind).inc(applied.accepted)
        for state in applied.ended.values():
            metrics.EXECUTIONS_FINISHED.labels(state).inc()


class Loop(ABC):
    """Work done again and again, in a thread and on an autocommit connection of its own.

    Any number of processes may run the same loop at the same time: each statement or transaction is safe by itself.
    """

    interval_s: ClassVar[float]
    """Seconds between two passes when there is nothing urgent; also the wait after a failure."""

    def __init__(self, tools: Tools) -> None:
        self.tools = tools
        self.horizon = RenewedHorizon()
        """Where live executions are; for the loop's own thread."""

    @classmethod
    def name(cls) -> str:
        """The name of its file."""
        return cls.__module__.rpartition(".")[2]

    @abstractmethod
    def run(self, connection: psycopg.Connection[Any]) -> float:
        """One pass; returns the seconds until the next, 0 if there is more to do now.

        Whatever it raises is logged, and the loop goes on. After a long pass the next one comes later than asked.
        """
