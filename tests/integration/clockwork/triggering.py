"""A scene whose workflow has triggers, and a clock that can be moved: what is due is set back in the table."""

from datetime import timedelta
from typing import Any
from uuid import UUID

import psycopg

from services.worker.loops.base import Tools
from shared import ids
from shared.db import schedules, triggers
from shared.db.triggers import Trigger
from shared.domain.fields import Fields
from shared.domain.triggers.read import read_triggers
from shared.engine.register import register_triggers
from shared.settings import Settings
from tests.integration.clockwork.scene import Row, Scene


class TriggerScene(Scene):
    """The first workflow is published; every connection is another clockwork."""

    def __init__(self, database_url: str) -> None:
        super().__init__(database_url)
        self.publish(self.workflow_id, self.version_id)

    def publish(self, workflow_id: UUID, version_id: UUID) -> None:
        """Make a version the published one."""
        self.connection.execute("UPDATE workflow_versions SET number = 1 WHERE id = %s", (version_id,))
        self.connection.execute("UPDATE workflows SET published_version = 1 WHERE id = %s", (workflow_id,))

    def more(self) -> UUID:
        """Another published workflow, of one step."""
        found = self.add_workflow([{"id": "a", "type": "transform", "params": {"output": "{{ input }}"}}])
        self.publish(*found)
        return found[0]

    def register(self, *found: Row, workflow_id: UUID | None = None) -> list[Trigger]:
        """What publishing does with the triggers."""
        fields = Fields({"triggers": list(found)}, "", [])
        read = read_triggers(fields)
        assert fields.problems == []
        with self.connection.transaction():
            return register_triggers(self.connection, workflow_id or self.workflow_id, 1, read)

    def schedule(self, workflow_id: UUID | None = None, **fields: Any) -> Trigger:
        """A schedule of every minute unless told otherwise."""
        timing = {} if "cron" in fields or "everyMs" in fields else {"everyMs": 60_000}
        return self.register({"id": "t", "type": "schedule", **timing, **fields}, workflow_id=workflow_id)[0]

    def follow(self, workflow_id: UUID, *, by: UUID, **fields: Any) -> Trigger:
        """A trigger of the workflow `by` that follows the runs of another."""
        public = ids.encode(ids.WORKFLOW, workflow_id)
        return self.register({"id": "f", "type": "execution", "workflowId": public, **fields}, workflow_id=by)[0]

    def set_back(self, trigger: Trigger, seconds: float) -> None:
        """So much time has passed since the firing that is next, and everything about the schedule is older."""
        set_back = (
            "UPDATE schedules SET next_at = n, anchor = n FROM"
            " (SELECT date_trunc('milliseconds', now() - make_interval(secs => %s)) AS n) AS x WHERE trigger_id = %s"
        )
        self.connection.execute(set_back, (seconds, trigger.id))

    def fires(self, trigger: Trigger) -> list[Row]:
        """What became of its firings, the earliest first."""
        with self.connection.cursor(row_factory=psycopg.rows.dict_row) as cursor:
            query = "SELECT * FROM trigger_fires WHERE trigger_id = %s ORDER BY fire_at, source_id"
            return cursor.execute(query, (trigger.id,)).fetchall()

    def outcomes(self, trigger: Trigger) -> list[str]:
        """The same, in short."""
        return [row["outcome"] for row in self.fires(trigger)]

    def runs(self) -> int:
        """How many executions there are."""
        count: int = self.one("SELECT count(*) AS n FROM executions")["n"]
        return count

    def input_of(self, execution_id: UUID) -> Row:
        """What an execution was started with."""
        row = self.one("SELECT input FROM execution_data WHERE execution_id = %s AND node = ''", execution_id)
        return dict(row["input"])

    def left_s(self, trigger: Trigger) -> float | None:
        """Seconds until it is due."""
        found = schedules.of_triggers(self.connection, [trigger.id])[trigger.id]
        left = None if found.next_at is None else found.next_at - schedules.clock(self.connection)
        return None if left is None else left / timedelta(seconds=1)

    def pause(self, trigger: Trigger) -> None:
        """As the API does."""
        assert triggers.pause(self.connection, trigger.id, paused=True)

    def kill(self, other: psycopg.Connection[Any]) -> None:
        """A process dies in the middle of its transaction; Postgres has noticed when this returns."""
        self.connection.execute("SELECT pg_terminate_backend(%s, 10000)", (other.info.backend_pid,))
        other.close()

    def end_by_itself(self, execution_id: UUID, state: str = "success") -> None:
        """An execution ends, with its row of statistics."""
        end = (
            "WITH e AS (UPDATE executions SET state = %s, completed_at = clock_timestamp(), open_steps = 0 WHERE id = %s"
            " RETURNING *) INSERT INTO stats_delta (workflow_id, user_id, trigger_type, state, completed_at, steps, ai_tokens,"
            " api_calls, run_id) SELECT workflow_id, user_id, trigger_type, state, completed_at, 0, 0, 0, id FROM e"
        )
        self.connection.execute(end, (state, execution_id))


class Silent(Tools):
    """Announces to a list."""

    def announce(self, applied: Any, kind: str) -> None:
        """Keep what was said."""
        SAID.append((kind, applied))


SAID: list[Any] = []


def silent() -> Silent:
    """Tools that need no broker; what was said before is forgotten."""
    SAID.clear()
    return Silent(Settings(), None, None)  # type: ignore[arg-type]
