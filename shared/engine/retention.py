"""One pass of retention over all weeks, in short transactions with pauses: it may stop after each, and be begun anew."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

import psycopg

from shared.db import retention_runs
from shared.db.partitions import monday
from shared.db.removal import remove_week, weeks_there
from shared.engine.prune import LIMIT, Deletion, remove_whole
from shared.log import get_logger

# The shortest time that anything may be kept, and now.
SHORTEST = """
SELECT least(%(days)s::int, (SELECT min(retention_days) FROM workflows)), now()
"""

_log = get_logger(__name__)


def retention_pass(connection: psycopg.Connection[Any], *, days: int | None, limit: int = LIMIT) -> Iterator[None]:
    """Remove what is past its retention (`days`: the instance's, None for ever); yields after each short transaction.

    For an autocommit connection, and for one process at a time.
    """
    yield from finish(connection)
    row = connection.execute(SHORTEST, {"days": days}).fetchone()
    if row is None or row[0] is None:
        return
    now: datetime = row[1]
    for week in weeks_there(connection):
        if week >= now - timedelta(days=row[0]):
            break
        # The partitions of last week and this one are made anew when they are missing.
        if week < monday(now) - timedelta(weeks=1) and remove_whole(connection, week, days=days):
            yield
            yield from finish(connection)
            continue
        deletion = Deletion(week)
        while deletion.batch(connection, days=days, limit=limit) == limit:
            yield
        if deletion.run_id is not None:
            _log.info("executions past their retention deleted", week=f"{week:%Y-%m-%d}", rows=deletion.rows)
        yield
    retention_runs.forget(connection)


def finish(connection: psycopg.Connection[Any]) -> Iterator[None]:
    """Remove the partitions of weeks that were written off; a crash may have left some of them, in any state."""
    for run_id, week in retention_runs.unfinished(connection):
        for done in remove_week(connection, week):
            _log.debug("retention: a partition is on its way out", done=done)
            yield
        retention_runs.finish(connection, run_id)
        _log.info("a week past its retention was removed", week=f"{week:%Y-%m-%d}")
        yield
