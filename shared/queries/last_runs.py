"""The newest execution of each of some workflows."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

import psycopg

# One step into the index on (workflow_id, id) for each workflow.
LAST = """
SELECT last.id FROM unnest(%s::uuid[]) AS wanted CROSS JOIN LATERAL
  (SELECT e.id FROM executions e WHERE e.workflow_id = wanted ORDER BY e.id DESC LIMIT 1) AS last
"""


def last_runs(connection: psycopg.Connection[Any], workflow_ids: Sequence[UUID]) -> list[UUID]:
    """The ids of those executions, at most one for each workflow, in no particular order."""
    return [row[0] for row in connection.execute(LAST, (list(workflow_ids),))]
