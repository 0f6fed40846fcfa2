"""A scene whose executions ended weeks ago: they are run now and moved into the partitions of the past."""

import secrets
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from shared.db.partitions import PARTITIONED, ensure_week, monday
from shared.db.removal import partitions_of
from shared.domain.outcome import Kind
from shared.engine.bury import bury
from shared.engine.retention import retention_pass
from shared.queries.stats import counted, recount
from tests.integration.clockwork.scene import Scene


def weeks_ago(weeks: int) -> datetime:
    """The Tuesday noon of that week."""
    return monday(datetime.now(UTC)) - timedelta(weeks=weeks) + timedelta(days=1, hours=12)


class PastScene(Scene):
    """Moves of time."""

    def past(self, at: datetime, *, last: Kind = Kind.DONE) -> UUID:
        """An execution that ended at that time, with a log line, a blob, a superseded attempt, and a letter if it failed."""
        made = self.run_through(last=last)
        bury(self.connection)
        log = "INSERT INTO execution_logs (execution_id, at, level, node, item, attempt, message) VALUES (%s, now(), 'info', '', '', 0, 'm')"
        self.connection.execute(log, (made,))
        blob = "INSERT INTO blobs (execution_id, id, place, size, packed) VALUES (%s, uuid7(), 0, 1, 'x')"
        self.connection.execute(blob, (made,))
        attempt = (
            "INSERT INTO step_attempts (execution_id, node, item, number, state) VALUES (%s, 'a', '', 1, 'failed')"
        )
        self.connection.execute(attempt, (made,))
        return self.move(made, at)

    def move(self, execution_id: UUID, at: datetime) -> UUID:
        """Let an execution have been accepted at that time, and have ended then if it has; its new id."""
        with self.connection.transaction():
            ensure_week(self.connection, monday(at))
            new = UUID(int=(int(at.timestamp() * 1000) << 80) | (7 << 76) | (2 << 62) | secrets.randbits(60))
            for table in (*PARTITIONED, "dead_letters", "ai_ledger"):
                column = "id" if table == "executions" else "execution_id"
                statement = f"UPDATE {table} SET {column} = %s WHERE {column} = %s"
                self.connection.execute(statement.encode(), (new, execution_id))
            # By whole milliseconds, so that the duration stays what the statistics say.
            self.connection.execute(
                "UPDATE executions e SET completed_at = completed_at + shift, started_at = started_at + shift,"
                " created_at = created_at + shift"
                " FROM (SELECT id, date_trunc('milliseconds', %s - created_at) AS shift FROM executions) AS s"
                " WHERE e.id = %s AND s.id = e.id",
                (at, new),
            )
        return new

    def rows_of(self, execution_id: UUID) -> dict[str, int]:
        """Rows left of an execution by table, without tables that have none."""
        found = {}
        for table in (*PARTITIONED, "dead_letters", "ai_ledger"):
            column = "id" if table == "executions" else "execution_id"
            count = f"SELECT count(*) AS n FROM {table} WHERE {column} = %s"
            found[table] = self.one(count, execution_id)["n"]
        return {table: count for table, count in found.items() if count}

    def steps(self, days: int | None, **more: Any) -> Iterator[None]:
        """The steps of a pass."""
        return retention_pass(self.connection, days=days, **more)

    def prune(self, days: int | None, **more: Any) -> int:
        """A whole pass; after each of its steps the statistics are exact. How many steps it took."""
        steps = 0
        for _ in self.steps(days, **more):
            steps += 1
            self.check()
        self.check()
        return steps

    def check(self) -> None:
        """Statistics = recount + pruned."""
        assert counted(self.connection) == recount(self.connection)

    def there(self, week: datetime) -> list[str]:
        """The tables that a week still has."""
        return [part.table for part in partitions_of(self.connection, monday(week))]
