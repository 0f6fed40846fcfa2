"""Published workflows, and how far their executions have come: straight from the database, as no user would."""

import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import orjson
import psycopg

from shared import ids
from shared.auth.secrets import fingerprint, hint, new_token
from shared.broker import StepRef
from shared.db import tokens, users, versions, workflows
from shared.engine.start import Started, start_execution
from shared.publisher import Publisher
from tests.bench.servers import Urls
from tests.factories import Definition

STUCK_S = 60.0
LOOK_S = 0.01
CHUNK = 5_000

ENDED = """
SELECT (SELECT count(*) FROM stats_delta WHERE workflow_id = %(id)s)
  + (SELECT coalesce(sum(success + failed + canceled), 0) FROM stats_totals WHERE workflow_id = %(id)s)
"""
"""How many executions of a workflow have ended, without a look at the hot tables."""

STATES = "SELECT state, count(*) FROM executions WHERE workflow_id = %s GROUP BY state"

COLUMNS = """
SELECT string_agg(quote_ident(attname), ', ' ORDER BY attnum) FROM pg_attribute
WHERE attrelid = %s::regclass AND attnum > 0 AND NOT attisdropped AND attname <> ALL(%s)
"""

COPIES = """
WITH made AS (
  INSERT INTO executions ({execution})
  SELECT {execution} FROM executions, generate_series(1, %(count)s) WHERE id = %(id)s RETURNING id),
data AS (
  INSERT INTO execution_data (execution_id, node, item, input)
  SELECT made.id, d.node, d.item, d.input FROM made, execution_data d WHERE d.execution_id = %(id)s)
INSERT INTO steps (execution_id, ready_at, due_at, {step})
SELECT made.id, clock_timestamp(), clock_timestamp() + interval '5 seconds', {step}
FROM made, steps WHERE execution_id = %(id)s
RETURNING execution_id, node, item, pool
"""
"""Queue an execution that was just started so many times more."""


@dataclass(frozen=True, slots=True)
class Flow:
    """A published workflow."""

    id: UUID
    version_id: UUID

    @property
    def public(self) -> str:
        """Its id at the API."""
        return ids.encode(ids.WORKFLOW, self.id)


class Flows:
    """Those of one admin, who has a token for the API."""

    def __init__(self, urls: Urls) -> None:
        self.connection: psycopg.Connection[Any] = psycopg.connect(urls.database, autocommit=True)
        user = users.insert(self.connection, f"bench-{time.time_ns()}@example.com", "Bench", "admin", None)
        assert user is not None
        self.user_id = user.id
        self.token = new_token()
        hashed, shown = fingerprint(self.token), hint(self.token)
        tokens.insert(self.connection, user.id, "bench", hashed=hashed, hint=shown, scopes=["admin"], expires_in_s=None)

    def publish(self, name: str, definition: Definition) -> Flow:
        """A new workflow. Nobody checks the definition before it is started."""
        text = orjson.dumps(definition).decode()
        with self.connection.transaction():
            made = workflows.insert(self.connection, self.user_id, name=name, description="", definition=text)
            version_id, number = versions.insert_published(self.connection, made.id, text, self.user_id)
            workflows.set_published(self.connection, made.id, number)
        return Flow(made.id, version_id)

    def start(self, flow: Flow, given: Any = None) -> Started:
        """Accept one execution; who calls publishes its steps."""
        return start_execution(
            self.connection,
            workflow_id=flow.id,
            version_id=flow.version_id,
            user_id=self.user_id,
            input=given or {},
            trigger_type="api",
        )

    def queue(self, publisher: Publisher, flow: Flow, count: int) -> None:
        """Accept many, with few statements, and publish their first steps; returns when the broker has them all."""
        for done in range(0, count, CHUNK):
            with self.connection.transaction():
                started = self.start(flow)
                copies = self._copies(started.id, min(CHUNK, count - done) - 1)
            assert publisher.publish([*started.ready, *copies]).result(timeout=STUCK_S)

    def _copies(self, execution_id: UUID, count: int) -> Sequence[StepRef]:
        names = {
            "execution": self._columns("executions", ["id", "created_at"]),
            "step": self._columns("steps", ["execution_id", "tx", "ready_at", "due_at"]),
        }
        rows = self.connection.execute(COPIES.format(**names), {"id": execution_id, "count": count})
        return [StepRef(*row) for row in rows]

    def _columns(self, table: str, without: list[str]) -> str:
        row = self.connection.execute(COLUMNS, (table, without)).fetchone()
        assert row is not None
        return str(row[0])

    def ended(self, flow: Flow) -> int:
        """How many executions have ended by now."""
        row = self.connection.execute(ENDED, {"id": flow.id}).fetchone()
        assert row is not None
        return int(row[0])

    def await_ends(self, flow: Flow, count: int) -> None:
        """Return when so many have ended in all. Raises TimeoutError when none has for a minute."""
        seen, until = -1, 0.0
        while (now := self.ended(flow)) < count:
            if now > seen:
                seen, until = now, time.monotonic() + STUCK_S
            if time.monotonic() > until:
                raise TimeoutError(f"{now} of {count} executions ended, and none for {STUCK_S:g} s")
            time.sleep(LOOK_S)

    def all_succeeded(self, flow: Flow, count: int) -> None:
        """Raises AssertionError unless so many executions were accepted, and all of them are a success."""
        states = Counter(dict(self.connection.execute(STATES, (flow.id,)).fetchall()))
        assert states == {"success": count}, f"{dict(states)}, not {count} successes"

    def close(self) -> None:
        """Hang up."""
        self.connection.close()
