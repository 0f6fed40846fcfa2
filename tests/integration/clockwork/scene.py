"""A database with one workflow in it, and the moves of a worker, a clock and a reader."""

import json
import secrets
from typing import Any
from uuid import UUID

import psycopg

from shared.broker import StepRef
from shared.db.pool import connect
from shared.domain.outcome import Kind, Outcome
from shared.engine.batch import Batch, Options, run_batch
from shared.engine.expire import lost_steps
from shared.engine.isolate import apply_isolated
from shared.engine.requests import Claim, Claimed, Completed
from shared.engine.start import Started, start_execution
from shared.engine.wake import sleepers

Row = dict[str, Any]


class Scene:
    """One connection and one workflow of simulated nodes, `a` then `b`; every move commits."""

    def __init__(self, database_url: str, **first_node: Any) -> None:
        self.database_url = database_url
        self.connection = connect(database_url, application_name="test", autocommit=True)
        node = {"type": "simulate", "params": {"durationMs": 1, "failureRate": 0}}
        nodes = [{"id": "a", "name": "A", **node, **first_node}, {"id": "b", "name": "B", **node}]
        self.user_id = self._insert("INSERT INTO users (email, name, role) VALUES (%s, 'U', 'admin')", "u@example.com")
        self.workflow_id, self.version_id = self.add_workflow(nodes)

    def add_workflow(self, nodes: list[Row]) -> tuple[UUID, UUID]:
        """A workflow of one container, and its version."""
        text = json.dumps({"schema": 1, "containers": [{"id": "c", "name": "C", "nodes": nodes}]})
        workflow_id = self._insert(
            "INSERT INTO workflows (owner_id, name, definition) VALUES (%s, 'W', %s)", self.user_id, text
        )
        version = (
            "INSERT INTO workflow_versions (workflow_id, definition, checksum, created_by) VALUES (%s, %s, '', %s)"
        )
        return workflow_id, self._insert(version, workflow_id, text, self.user_id)

    def _insert(self, statement: str, *values: Any) -> UUID:
        row = self.connection.execute(f"{statement} RETURNING id", values).fetchone()
        assert row is not None
        found: UUID = row[0]
        return found

    def use(self, definition: Row) -> None:
        """Run this definition from now on."""
        text = json.dumps(definition)
        version = (
            "INSERT INTO workflow_versions (workflow_id, definition, checksum, created_by) VALUES (%s, %s, %s, %s)"
        )
        self.version_id = self._insert(version, self.workflow_id, text, secrets.token_bytes(16), self.user_id)

    def start(self, given: Any = None, **more: Any) -> Started:
        """Accept an execution with an input."""
        with self.connection.transaction():
            return start_execution(
                self.connection,
                workflow_id=self.workflow_id,
                version_id=self.version_id,
                user_id=self.user_id,
                input={} if given is None else given,
                trigger_type="api",
                **more,
            )

    def claim(self, ref: StepRef, worker: str = "w1") -> Claimed:
        """Take a step as a worker would."""
        claim = Claim((ref.execution_id, ref.node, ref.item), secrets.randbits(62))
        batch = run_batch(self.connection, Batch([claim], [], Options(worker=worker)))
        assert isinstance(batch.claimed[0], Claimed)
        return batch.claimed[0]

    def complete(self, claimed: Claimed, kind: Kind = Kind.DONE, **more: Any) -> Completed:
        """Hand in an outcome as a worker would."""
        outcome = Outcome(
            key=claimed.key, kind=kind, fence=claimed.fence, touches=claimed.plan.touches(*claimed.key[1:]), **more
        )
        return run_batch(self.connection, Batch([], [outcome], Options())).completed[0]

    def wake(self, limit: int = 500) -> list[StepRef]:
        """Make due timers ready, as clockwork would."""
        return apply_isolated(self.connection, sleepers(self.connection, limit=limit).due).ready

    def expire(self) -> list[StepRef]:
        """Take steps back whose lease is over, as clockwork would."""
        return apply_isolated(self.connection, lost_steps(self.connection)).ready

    def run_through(self, *, last: Kind = Kind.DONE) -> UUID:
        """A whole execution; `last` is how its last step ends."""
        started = self.start()
        completed = self.complete(self.claim(started.ready[0]))
        self.complete(self.claim(completed.ready[0]), last, error_code="X", error='{"code":"X"}')
        return started.id

    def step(self, ref: StepRef) -> Row:
        """The row of a step, with the seconds until `due_at`."""
        return self.one(
            "SELECT *, extract(epoch FROM due_at - now())::float8 AS due_s FROM steps"
            " WHERE execution_id = %s AND node = %s AND item = %s",
            *ref[:3],
        )

    def execution(self, execution_id: UUID) -> Row:
        """The row of an execution."""
        return self.one("SELECT * FROM executions WHERE id = %s", execution_id)

    def one(self, query: str, *values: Any) -> Row:
        """The only row of a query, by column."""
        with self.connection.cursor(row_factory=psycopg.rows.dict_row) as cursor:
            rows = cursor.execute(query, values).fetchall()
        assert len(rows) == 1
        return rows[0]

    def pass_time(self, seconds: float, *refs: StepRef) -> None:
        """Let everything about these steps have happened so much earlier."""
        for ref in refs:
            self.connection.execute(
                "UPDATE steps SET due_at = due_at - s, ready_at = ready_at - s, lease_until = lease_until - s"
                " FROM make_interval(secs => %s) AS s WHERE execution_id = %s AND node = %s AND item = %s",
                (seconds, *ref[:3]),
            )
