"""Apply outcomes outside a worker's committer: clockwork's lost workers and due timers."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

import psycopg

from shared.broker import StepRef
from shared.domain.outcome import Outcome
from shared.engine.batch import Batch, Options, by_week, run_batch


@dataclass(frozen=True, slots=True)
class Applied:
    """What a set of outcomes led to: the steps to publish after the commit, and the executions that changed."""

    ready: list[StepRef]
    touched: set[UUID]
    accepted: int
    ended: dict[UUID, str] = field(default_factory=dict)

    def __add__(self, other: "Applied") -> "Applied":
        """Both together."""
        return Applied(
            self.ready + other.ready,
            self.touched | other.touched,
            self.accepted + other.accepted,
            self.ended | other.ended,
        )


def apply(connection: psycopg.Connection[Any], outcomes: Sequence[Outcome], *, republish_s: float = 5.0) -> Applied:
    """Apply outcomes of any executions, a transaction for each week (all in the caller's one if that is open)."""
    applied = Applied([], set(), 0)
    for week in by_week(outcomes, lambda outcome: outcome.key):
        batch = run_batch(connection, Batch((), week, Options(republish_s=republish_s)))
        applied += Applied(
            ready=[ref for done in batch.completed for ref in done.ready],
            touched=batch.touched,
            accepted=sum(done.accepted for done in batch.completed),
            ended=batch.ended,
        )
    return applied
