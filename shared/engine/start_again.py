"""Run an execution again: the same version with the same input, linked to the first."""

from typing import Any
from uuid import UUID

import psycopg

from shared.domain.errors import NotFound
from shared.domain.values import from_json
from shared.engine.start import Started, start_execution

READ = "SELECT workflow_id, version_id FROM executions WHERE id = %s"
READ_INPUT = "SELECT input::text FROM execution_data WHERE execution_id = %s AND node = '' AND item = ''"
# It was accepted once, under whatever limit there was then.
MAX_INPUT_BYTES = 1_000_000_000


def start_again(
    connection: psycopg.Connection[Any], execution_id: UUID, *, user_id: UUID, republish_s: float = 5.0
) -> Started:
    """Insert a queued execution that does this one again, in the caller's transaction.

    Raises NotFound when the execution is gone, InvalidDefinition for a version that cannot run any more.
    """
    row = connection.execute(READ, (execution_id,)).fetchone()
    if row is None:
        raise NotFound("The execution is gone.")
    stored = connection.execute(READ_INPUT, (execution_id,)).fetchone()
    return start_execution(
        connection,
        workflow_id=row[0],
        version_id=row[1],
        user_id=user_id,
        input=from_json(stored[0]) if stored is not None and stored[0] is not None else {},
        trigger_type="retry",
        retry_of=execution_id,
        max_input_bytes=MAX_INPUT_BYTES,
        republish_s=republish_s,
    )
