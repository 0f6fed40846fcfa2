"""Where live executions are: bounds of execution ids that keep clockwork's searches out of the partitions of the past.

An execution older than the oldest live one is over, and what is over never changes; so bounds that were right once
stay right, except that they should move on with time.
"""

from typing import Any, Final, NamedTuple
from uuid import UUID

import psycopg

# The oldest execution that is not over, or whose end is not dealt with: no failure workflow started, no dead letter
# written, a parent not told; but at least an hour back: a slow transaction may commit an older id later.
LIVE_BOUNDS = """
SELECT least(uuid7_floor(now() - interval '1 hour'),
    (SELECT id FROM executions WHERE state = 'queued' ORDER BY id LIMIT 1),
    (SELECT id FROM executions WHERE state = 'running' ORDER BY id LIMIT 1),
    (SELECT id FROM executions WHERE state = 'waiting' ORDER BY id LIMIT 1),
    (SELECT id FROM executions WHERE state = 'failed' AND on_failure IS NOT NULL ORDER BY id LIMIT 1),
    (SELECT id FROM executions WHERE state = 'failed' AND error_fingerprint IS NULL ORDER BY id LIMIT 1),
    (SELECT id FROM executions WHERE awaited AND completed_at IS NOT NULL ORDER BY id LIMIT 1)),
  uuid7_floor(now() + interval '1 day')
"""


class Horizon(NamedTuple):
    """Every live execution has an id between the two, both included."""

    lo: UUID
    hi: UUID


EVERYTHING: Final = Horizon(UUID(int=0), UUID(int=(1 << 128) - 1))


def live_horizon(connection: psycopg.Connection[Any]) -> Horizon:
    """The bounds as of now; good for hours (the upper one ends tomorrow), better if renewed each minute."""
    row = connection.execute(LIVE_BOUNDS).fetchone()
    return EVERYTHING if row is None else Horizon(*row)
