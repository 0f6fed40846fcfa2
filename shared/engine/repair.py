"""A redelivered message whose step is over: find the successors that are ready, so that they get their messages again."""

from uuid import UUID

from shared.broker import StepRef
from shared.db.pool import connect
from shared.domain.outcome import Key
from shared.engine.plans import plan_of

VERSION_OF = "SELECT version_id FROM executions WHERE id = %s"
READY_STEPS = """
SELECT node, item, pool FROM steps WHERE execution_id = %s AND node = ANY(%s) AND item = %s AND state = 'ready'
"""
"""Which of these steps wait for a worker."""


def ready_successors(database_url: str, key: Key) -> tuple[StepRef, ...]:
    """The ready steps right after a finished one. Rare, so it opens a connection of its own."""
    execution_id, node, item = key
    with connect(database_url, application_name="flowversal-repair") as connection:
        row = connection.execute(VERSION_OF, (execution_id,)).fetchone()
        if row is None:
            return ()
        version_id: UUID = row[0]
        targets = [edge.target for edge in plan_of(connection, version_id).nodes[node].edges]
        rows = connection.execute(READY_STEPS, (execution_id, targets, item)).fetchall()
    return tuple(StepRef(execution_id, found, at, pool) for found, at, pool in rows)
