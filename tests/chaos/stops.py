"""How long a cancel took to stop what was running: of all, and of those during which no fault was in flight."""

import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import psycopg

from tests.chaos.books import CANCEL, Finding

MOST_S = 1.0
"""Running I/O ends within so many seconds of an accepted cancel."""

STOPS = """
SELECT e.id, extract(epoch FROM e.stop_requested_at)::float8, extract(epoch FROM e.completed_at - e.stop_requested_at)::float8
FROM executions e
WHERE e.stopping = 'cancel' AND e.completed_at IS NOT NULL AND EXISTS (
  SELECT FROM witness w WHERE w.execution_id = e.id AND w.node IS NOT NULL AND w.before = 'running'
    AND w.at >= e.stop_requested_at)
"""
"""Canceled executions of which a step was running: when the cancel was accepted (s since the epoch), and how long it took."""

Span = tuple[float, float]
"""From and to, in seconds since the epoch."""


@dataclass(frozen=True, slots=True)
class Stop:
    """One cancel of an execution with running steps; `calm`: no fault was in flight from the request to the end."""

    execution: UUID
    took_s: float
    calm: bool


def stops(connection: psycopg.Connection[Any], faults: Sequence[Span]) -> list[Stop]:
    """Every stop. `faults`: from each injection until all was well again."""
    return [
        Stop(id, took_s, not any(begun < at + took_s and at < over for begun, over in faults))
        for id, at, took_s in connection.execute(STOPS)
    ]


def too_slow(found: Sequence[Stop]) -> list[Finding]:
    """Stops that took too long although nothing was broken."""
    return [
        Finding(CANCEL, each.execution, f"what ran took {each.took_s:.2f} s to stop")
        for each in found
        if each.calm and each.took_s > MOST_S
    ]


def summary(found: Sequence[Stop]) -> dict[str, dict[str, float]]:
    """`{"calm": {"count", "p50S", "maxS"}, "disturbed": …}`; times are missing where there was none."""
    return {
        name: _numbers([each.took_s for each in found if each.calm is calm])
        for name, calm in (("calm", True), ("disturbed", False))
    }


def _numbers(times: list[float]) -> dict[str, float]:
    if not times:
        return {"count": 0}
    return {"count": len(times), "p50S": round(statistics.median(times), 3), "maxS": round(max(times), 3)}
