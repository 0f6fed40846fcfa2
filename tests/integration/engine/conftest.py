"""A scene whose workflow is any definition, and a second connection to race with."""

from collections.abc import Callable, Iterator
from typing import Any
from uuid import UUID

import psycopg
import pytest

from shared.db.pool import connect
from shared.domain.outcome import Kind, Outcome
from shared.engine.batch import Batch, Options, run_batch
from shared.engine.requests import Claim, Claimed
from tests.integration.clockwork.scene import Scene


class EngineScene(Scene):
    """Moves of several workers on one definition."""

    def claim_node(self, execution_id: UUID, node: str) -> Claimed:
        """Take a step by its node."""
        batch = run_batch(self.connection, Batch([Claim((execution_id, node, ""), hash(node) & 0xFFFF)], [], Options()))
        assert isinstance(batch.claimed[0], Claimed), node
        return batch.claimed[0]

    def states(self, execution_id: UUID) -> dict[str, str]:
        """State by node."""
        rows = self.connection.execute("SELECT node, state FROM steps WHERE execution_id = %s", (execution_id,))
        return dict(rows.fetchall())

    def done(self, claimed: Claimed, **more: Any) -> Outcome:
        """The outcome of a step that succeeded."""
        return Outcome(claimed.key, Kind.DONE, claimed.fence, touches=claimed.plan.touches(*claimed.key[1:]), **more)


@pytest.fixture
def scene(database_url: str) -> Iterator[EngineScene]:
    """A fresh database."""
    made = EngineScene(database_url)
    yield made
    made.connection.close()


@pytest.fixture
def other(database_url: str) -> Iterator[Callable[[], psycopg.Connection[Any]]]:
    """More connections to the same database."""
    opened: list[psycopg.Connection[Any]] = []

    def open_one() -> psycopg.Connection[Any]:
        opened.append(connect(database_url, application_name="other", autocommit=True))
        # Tests hold a lock for as long as it takes to see what that does to others.
        opened[-1].execute("SET idle_in_transaction_session_timeout = 0")
        return opened[-1]

    yield open_one
    for connection in opened:
        connection.close()
