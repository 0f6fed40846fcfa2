"""Claims and outcomes, many at a time, in one transaction. The only code that claims or ends a step.

Claims alone take one round trip; with outcomes there are two: lock, decide, write. Outcomes of steps that were alone in
their executions need no look first: one round trip (`shared/engine/alone.py`). Executions that the process has not met,
and siblings to be stopped, cost one more each.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, TypeVar
from uuid import UUID

import psycopg
from psycopg.pq import TransactionStatus

from shared.db.hot import Week
from shared.db.partitions import week_of
from shared.db.wire import wire_of
from shared.domain.outcome import Key, Outcome
from shared.engine import claim as claims
from shared.engine.advance import Advance, send_locks
from shared.engine.alone import Ending, send_ending
from shared.engine.claim import Claiming
from shared.engine.late import send_late
from shared.engine.ledger import send_calls
from shared.engine.repair import ready_successors
from shared.engine.requests import Claim, Claimed, Completed, NotClaimed

Request = TypeVar("Request")


@dataclass(frozen=True, slots=True)
class Options:
    """What the writes need to know of the settings; seconds."""

    worker: str = ""
    lease_s: float = 15.0
    republish_s: float = 5.0


@dataclass(slots=True)
class Batch:
    """One transaction's worth of work and its results, in the order asked; all of one week (see `by_week`)."""

    claims: Sequence[Claim]
    outcomes: Sequence[Outcome]
    options: Options
    claimed: list[Claimed | NotClaimed] = field(default_factory=list)
    completed: list[Completed] = field(default_factory=list)
    touched: set[UUID] = field(default_factory=set)
    ended: dict[UUID, str] = field(default_factory=dict)
    """Executions that this batch ended, with their final state."""

    @property
    def week(self) -> datetime:
        """The week of its executions. Raises ValueError if there are several."""
        ids = [claim.key[0] for claim in self.claims] + [outcome.key[0] for outcome in self.outcomes]
        (week,) = {week_of(id) for id in ids}
        return week


def by_week(requests: Iterable[Request], key: Callable[[Request], Key]) -> list[list[Request]]:
    """Requests by the week of their execution, the oldest first: each week has partitions of its own."""
    weeks: dict[datetime, list[Request]] = {}
    for request in requests:
        weeks.setdefault(week_of(key(request)[0]), []).append(request)
    return [weeks[week] for week in sorted(weeks)]


def run_batch(connection: psycopg.Connection[Any], batch: Batch) -> Batch:
    """Write a batch in one transaction and fill in its results. Raises psycopg errors; then run the whole of it again: what
    was written, of outcomes that took the short way, finds itself.

    On an autocommit connection the transaction begins and ends with the round trips. On any other connection the batch joins
    the caller's transaction, which the caller commits. A week without partitions has nothing to claim or to end.
    """
    batch.claimed, batch.completed, batch.touched, batch.ended = [], [], set(), {}
    own = connection.autocommit and connection.info.transaction_status is TransactionStatus.IDLE
    week = Week(wire_of(connection), batch.week)
    try:
        ending = None
        if own and batch.outcomes:
            ending = send_ending(connection, week, batch.outcomes, batch.options.republish_s)
        if ending is not None:
            _run_alone(connection, week, batch, ending)
        else:
            _run(connection, week, batch, own=own)
    except BaseException as error:
        week.wire.forget()
        if own and not connection.closed:
            connection.rollback()
        if own and isinstance(error, psycopg.errors.UndefinedTable) and f"_p{batch.week:%Y%m%d}" in str(error):
            return _nothing_there(batch)
        raise
    return batch


def _run(connection: psycopg.Connection[Any], week: Week, batch: Batch, *, own: bool) -> None:
    advance = None
    # One round trip is one transaction anyway.
    bare = own and not batch.outcomes
    if own and not bare:
        week.wire.send("BEGIN")
    locks = send_locks(week, batch.outcomes) if batch.outcomes else None
    claiming = _send_claims(connection, week, batch, alone=bare)
    if locks is not None:
        week.wire.round_trip()
        advance = Advance(connection, batch.outcomes, locks)
        send_calls(week, batch.outcomes, late=advance.stale)
        if advance.turns:
            advance.send_writes(week, batch.options.republish_s)
        send_late(week, advance.late)
    if own and not bare:
        week.wire.send("COMMIT")
    week.wire.round_trip()
    _claimed(batch, claiming)
    if advance is not None:
        _completed(connection, batch, advance)


def _run_alone(connection: psycopg.Connection[Any], week: Week, batch: Batch, ending: Ending) -> None:
    """One round trip for all; what somebody else changed meanwhile has written nothing, and goes the long way."""
    claiming = _send_claims(connection, week, batch, alone=False)
    week.wire.round_trip()
    _claimed(batch, claiming)
    completed = ending.completed()
    batch.touched.update(completed)
    batch.ended = ending.ended()
    late = Batch((), [each for each in batch.outcomes if each.key[0] not in completed], batch.options)
    if late.outcomes:
        _run(connection, week, late, own=True)
        completed |= {answer.key[0]: answer for answer in late.completed}
        batch.touched |= late.touched
        batch.ended |= late.ended
    batch.completed = [completed[each.key[0]] for each in batch.outcomes]


def _send_claims(connection: psycopg.Connection[Any], week: Week, batch: Batch, *, alone: bool) -> Claiming | None:
    if not batch.claims:
        return None
    options = batch.options
    return claims.send_claims(
        connection, week, batch.claims, worker=options.worker, lease_s=options.lease_s, alone=alone
    )


def _claimed(batch: Batch, claiming: Claiming | None) -> None:
    if claiming is not None:
        batch.claimed = claims.answers(batch.claims, claiming)
        batch.touched.update(answer.key[0] for answer in batch.claimed if isinstance(answer, Claimed))


def _completed(connection: psycopg.Connection[Any], batch: Batch, advance: Advance) -> None:
    """The answers to the outcomes; the first one of an execution gets all its steps to publish."""
    ready = advance.ready()
    for outcome, accepted in zip(batch.outcomes, advance.accepted, strict=True):
        if outcome.key in advance.repeated:
            refs = ready_successors(connection, outcome.key)
        else:
            refs = ready.pop(outcome.key[0], ()) if accepted else ()
        batch.completed.append(Completed(outcome.key, accepted, refs))
    batch.touched.update(advance.turns, (key[0] for key in advance.repeated), (late.key[0] for late in advance.late))
    batch.ended = advance.ended()


def _nothing_there(batch: Batch) -> Batch:
    """The answers to a batch whose week has no partitions: never made, or dropped with its history."""
    batch.claimed = [NotClaimed(claim.key) for claim in batch.claims]
    batch.completed = [Completed(outcome.key, accepted=False) for outcome in batch.outcomes]
    return batch
