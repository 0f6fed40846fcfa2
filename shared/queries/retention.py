"""What retention would remove now, by rule and by week, and what it has removed. Reads whole weeks: for admins who ask."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import psycopg

from shared import ids
from shared.db.hot import on_week
from shared.db.partitions import monday
from shared.db.removal import Partition, partitions_of, weeks_there
from shared.engine.prune import VERDICT, bounds
from shared.engine.retention import SHORTEST
from shared.queries.shapes import ms

RULES = """
SELECT id, name, retention_days FROM workflows WHERE retention_days IS NOT NULL ORDER BY retention_days, id
"""
RUNS = """
SELECT kind, week, began_at, completed_at, executions, rows, bytes FROM retention_runs ORDER BY id DESC LIMIT %s
"""
SHOWN_RUNS = 50


@dataclass(slots=True)
class _Week:
    """A week judged: by rule how many executions would go, and how many would stay."""

    monday: datetime
    parts: list[Partition]
    droppable: bool
    gone: dict[UUID | None, int] = field(default_factory=dict)
    total: int = 0

    @property
    def going(self) -> int:
        return sum(self.gone.values())

    @property
    def whole(self) -> bool:
        """Whether its partitions would be dropped."""
        return self.droppable and self.going == self.total

    def shape(self) -> dict[str, Any]:
        size, share = sum(part.bytes for part in self.parts), self.going / self.total if self.total else 1.0
        return {
            "week": ms(self.monday),
            "action": "drop" if self.whole else "delete",
            "executions": self.going,
            "kept": self.total - self.going,
            "rows": {part.table: self._rows(part, share) for part in self.parts},
            "bytes": size if self.whole else 0,
            "reusableBytes": 0 if self.whole else round(size * share),
        }

    def _rows(self, part: Partition, share: float) -> int | None:
        if part.table == "executions":
            return self.going
        return None if part.rows is None else round(part.rows * share)


def dry_run(connection: psycopg.Connection[Any], days: int | None) -> dict[str, Any]:
    """What a pass would remove now with `days` as the instance's retention. Changes nothing."""
    weeks = [week for week in _judged(connection, days) if week.going or week.whole]
    shapes = [week.shape() for week in weeks]
    return {
        "days": days,
        "rules": _rules(connection, days, weeks),
        "weeks": shapes,
        "executions": sum(week.going for week in weeks),
        "bytes": sum(shape["bytes"] for shape in shapes),
        "reusableBytes": sum(shape["reusableBytes"] for shape in shapes),
        "runs": [_run(*row) for row in connection.execute(RUNS, (SHOWN_RUNS,))],
    }


def _judged(connection: psycopg.Connection[Any], days: int | None) -> Iterator[_Week]:
    row = connection.execute(SHORTEST, {"days": days}).fetchone()
    if row is None or row[0] is None:
        return
    shortest, now = timedelta(days=row[0]), row[1]
    for start in weeks_there(connection):
        if start >= now - shortest:
            return
        week = _Week(start, partitions_of(connection, start), droppable=start < monday(now) - timedelta(weeks=1))
        _, following = bounds(connection, start)
        for rule, going, total in connection.execute(on_week(VERDICT, start), {"days": days, "kept_from": following}):
            week.gone[rule] = going
            week.total += total
        yield week


def _rules(connection: psycopg.Connection[Any], days: int | None, weeks: list[_Week]) -> list[dict[str, Any]]:
    own = connection.execute(RULES).fetchall()
    named: list[tuple[UUID | None, str | None, int]] = [(None, None, days)] if days is not None else []
    return [
        {
            "workflowId": None if id is None else ids.encode(ids.WORKFLOW, id),
            "workflowName": name,
            "retentionDays": kept,
            "executions": sum(week.gone.get(id, 0) for week in weeks),
        }
        for id, name, kept in [*named, *own]
    ]


def _run(
    kind: str, week: datetime, began: datetime, completed: datetime | None, executions: int, *more: Any
) -> dict[str, Any]:
    rows, size = more
    return {
        "action": "drop" if kind == "week" else "delete",
        "week": ms(week),
        "beganAt": ms(began),
        "completedAt": ms(completed),
        "executions": executions,
        "rows": rows,
        "bytes": size,
    }
