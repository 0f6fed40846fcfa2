"""Apply outcomes outside a worker's committer: clockwork's lost workers and due timers."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

import psycopg

from shared.broker import StepRef
from shared.engine.batch import Batch, Options, run_batch
from shared.engine.requests import Outcome

__all__ = ["Applied", "Outcome", "apply"]


@dataclass(frozen=True, slots=True)
class Applied:
    """What a set of outcomes led to: the steps to publish after the commit, and the executions that changed."""

    ready: list[StepRef]
    touched: set[UUID]
    accepted: int
    ended: dict[UUID, str] = field(default_factory=dict)


def apply(connection: psycopg.Connection[Any], outcomes: Sequence[Outcome], *, republish_s: float = 5.0) -> Applied:
    """Apply outcomes of any executions in one transaction (the caller commits if it holds one open)."""
    if not outcomes:
        return Applied([], set(), 0)
    batch = run_batch(connection, Batch((), outcomes, Options(republish_s=republish_s)))
    ready = [ref for done in batch.completed for ref in done.ready]
    return Applied(ready, batch.touched, sum(done.accepted for done in batch.completed), batch.ended)
