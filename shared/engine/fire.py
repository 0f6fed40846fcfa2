"""Schedules whose time has come: runs are started, what was missed is put down, and each gets its next time; one transaction."""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

import psycopg

from shared.broker import StepRef
from shared.db import fires, schedules
from shared.db.fires import FireKey
from shared.db.horizon import EVERYTHING, Horizon
from shared.db.schedules import DueSchedule
from shared.domain.triggers.catch_up import Firing, Policy, take_turn
from shared.domain.triggers.moments import from_ms, to_ms
from shared.domain.triggers.timing import timing_of
from shared.engine.start import Started
from shared.engine.triggered import Starter, reason_of, start_triggered

MOST_FIRED = 100
"""A pass that has as many firings behind it ends, so that nothing waits long for its commit."""
OVERLAPS = "A run that this trigger started is not over yet (overlap: skip)."


class _TakenError(Exception):
    """Somebody else put this firing down: the run that was begun for it is rolled back."""


@dataclass(frozen=True, slots=True)
class Fired:
    """What became of one firing. `late_s`: seconds after its time."""

    trigger_id: UUID
    workflow_id: UUID
    key: str
    fire_at: datetime
    outcome: str
    late_s: float
    reason: str = ""
    count: int = 1
    grace_s: float = 60.0

    @property
    def in_time(self) -> bool:
        """Whether it started a run, and within its grace."""
        return self.outcome == "started" and self.late_s <= self.grace_s


@dataclass(slots=True)
class Fires:
    """What a pass did: publish, hint and log after the commit."""

    claimed: int = 0
    fired: list[Fired] = field(default_factory=list)
    ready: list[StepRef] = field(default_factory=list)
    started: set[UUID] = field(default_factory=set)

    def begun(self, started: Started) -> None:
        """Note a run."""
        self.ready += started.ready
        self.started.add(started.id)


def fire_due(
    connection: psycopg.Connection[Any],
    *,
    limit: int = schedules.LIMIT,
    republish_s: float = 5.0,
    horizon: Horizon = EVERYTHING,
) -> Fires:
    """Give at most `limit` due schedules their turn, in a transaction of its own.

    What goes wrong with one is put down and holds up no other. Raises psycopg errors when the server is away; then
    nothing was done.
    """
    done = Fires()
    with connection.transaction():
        claimed = schedules.claim_due(connection, limit)
        done.claimed = len(claimed)
        for due in claimed:
            # Those that are left are still due, and first in the next pass.
            if len(done.fired) >= MOST_FIRED:
                break
            _Turn(connection, due, done, republish_s, horizon).take()
    return done


@dataclass(frozen=True, slots=True)
class _Turn:
    connection: psycopg.Connection[Any]
    due: DueSchedule
    done: Fires
    republish_s: float
    horizon: Horizon

    def take(self) -> None:
        """Fire what is due and move on; a schedule that cannot be computed is not looked at again until it is published."""
        try:
            firings, next_at = self._decide()
        except Exception as error:  # noqa: BLE001 - whatever it is, only this one may be held up
            firings, next_at = [], None
            self._note(self.due.next_at, "failed", reason_of(error, self._key(self.due.next_at)))
        started = [from_ms(each.at) for each in firings if self._fire(each)]
        schedules.move_on(self.connection, self.due.trigger_id, next_at, last_at=started[-1] if started else None)

    def _decide(self) -> tuple[list[Firing], datetime | None]:
        if not self.due.registered:
            return [], None
        config = self.due.config
        timing, now = timing_of(config, to_ms(self.due.anchor)), to_ms(self.due.now)
        if not self.due.active:
            following = timing.next_after(now)
            return [], None if following is None else from_ms(following)
        policy = Policy(config["misfire"], config["maxCatchUp"], config["graceMs"])
        turn = take_turn(timing, policy, to_ms(self.due.next_at), now)
        return turn.firings, None if turn.next_at is None else from_ms(turn.next_at)

    def _fire(self, firing: Firing) -> bool:
        """True if it started a run."""
        at = from_ms(firing.at)
        if firing.missed:
            self._note(at, "missed", firing.missed, firing.count)
            return False
        try:
            with self.connection.transaction():
                return self._start(at)
        except _TakenError:
            return False
        except Exception as error:  # noqa: BLE001 - see reason_of
            self._note(at, "failed", reason_of(error, self._key(at)))
            return False

    def _start(self, at: datetime) -> bool:
        due = self.due
        if due.config["overlap"] == "skip" and fires.lives(self.connection, due.trigger_id, self.horizon):
            self._note(at, "skipped", OVERLAPS)
            return False
        started = start_triggered(
            self.connection,
            Starter(due.trigger_id, due.workflow_id, due.owner_id, due.role),
            input=scheduled_input(due.config, due.key, at),
            trigger_type="schedule",
            republish_s=self.republish_s,
        )
        if not fires.add(self.connection, self._key(at), "schedule", "started", execution_id=started.id):
            raise _TakenError
        self.done.begun(started)
        self._tell(at, "started")
        return True

    def _note(self, at: datetime, outcome: str, reason: str, count: int = 1) -> None:
        if fires.add(self.connection, self._key(at), "schedule", outcome, reason=reason, count=count):
            self._tell(at, outcome, reason, count)

    def _tell(self, at: datetime, outcome: str, reason: str = "", count: int = 1) -> None:
        due = self.due
        late_s = max(0.0, (due.now - at).total_seconds())
        grace_s = due.config.get("graceMs", 0) / 1_000
        fired = Fired(due.trigger_id, due.workflow_id, due.key, at, outcome, late_s, reason, count, grace_s)
        self.done.fired.append(fired)

    def _key(self, at: datetime) -> FireKey:
        return FireKey(self.due.trigger_id, at)


def scheduled_input(config: dict[str, Any], key: str, at: datetime) -> dict[str, Any]:
    """What a scheduled run gets: the fixed input, `scheduledAt` (ms) and `trigger`, its id in the definition."""
    return {**config["input"], "scheduledAt": to_ms(at), "trigger": key}
