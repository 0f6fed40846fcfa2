"""A redelivered message whose step is over: find the successors that are ready, so that they get their messages again."""

from typing import Any

import psycopg

from shared.broker import StepRef
from shared.domain.outcome import Key
from shared.engine.plans import plan_of

VERSION_OF = "SELECT version_id FROM executions WHERE id = %s"
READY_STEPS = """
SELECT node, item, pool FROM steps WHERE execution_id = %s AND node = ANY(%s) AND item = %s AND state = 'ready'
"""
"""Which of these steps wait for a worker."""


def ready_successors(connection: psycopg.Connection[Any], key: Key) -> tuple[StepRef, ...]:
    """The ready steps that the end of a step may have released. Raises NotFound, InvalidDefinition."""
    execution_id, node, item = key
    row = connection.execute(VERSION_OF, (execution_id,)).fetchone()
    if row is None:
        return ()
    found = plan_of(connection, row[0]).nodes.get(node)
    if found is None:
        return ()
    targets = list({*(edge.target for edge in found.edges), *found.joins_after})
    rows = connection.execute(READY_STEPS, (execution_id, targets, item)).fetchall()
    return tuple(StepRef(execution_id, name, at, pool) for name, at, pool in rows)
