"""Timers: retries and waits whose time has come become ready again."""

from dataclasses import dataclass
from typing import Any

import psycopg

from shared.db.horizon import EVERYTHING, Horizon
from shared.domain.outcome import Kind, Outcome

LIMIT = 500

# Retries and waits that are due, and those that will be within `ahead_s`, the earliest first; seconds left of each.
SLEEPERS = """
SELECT execution_id, node, item, extract(epoch FROM due_at - clock_timestamp())::float8 FROM steps
WHERE due_at <= now() + make_interval(secs => %(ahead_s)s) AND state IN ('retrying', 'waiting')
  AND execution_id BETWEEN %(lo)s AND %(hi)s
ORDER BY due_at LIMIT %(limit)s
"""


@dataclass(frozen=True, slots=True)
class Sleepers:
    """What is due now, and in how many seconds the next one is (None: not within the time looked at)."""

    due: list[Outcome]
    next_s: float | None


def sleepers(
    connection: psycopg.Connection[Any],
    *,
    limit: int = LIMIT,
    ahead_s: float = 0.0,
    horizon: Horizon = EVERYTHING,
) -> Sleepers:
    """Look for timers, `ahead_s` seconds into the future; takes no lock."""
    values = {"limit": limit, "ahead_s": ahead_s, **horizon._asdict()}
    due: list[Outcome] = []
    for execution_id, node, item, left_s in connection.execute(SLEEPERS, values):
        if left_s > 0:
            return Sleepers(due, left_s)
        due.append(Outcome(key=(execution_id, node, item), kind=Kind.DUE))
    return Sleepers(due, None)
