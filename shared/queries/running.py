"""What runs right now, as the live indicator counts it: running and canceling."""

from typing import Any
from uuid import UUID

import psycopg

from shared.queries.shapes import Viewer

MAX_COUNT = 1_000

_RUNS = "(e.state = 'running' OR (e.state IN ('queued', 'waiting') AND e.stopping = 'cancel'))"

# Live executions are few whatever the history holds; the index on (state, id) finds them. Counts no further than the limit.
COUNT = f"""
SELECT count(*) FROM (
  SELECT 1 FROM executions e
  WHERE {_RUNS}
    AND (%(everything)s OR e.user_id = %(viewer)s
      OR e.workflow_id IN (SELECT id FROM workflows WHERE owner_id = %(viewer)s OR shared))
  LIMIT %(limit)s
) AS live
"""
# Found by state and sorted then: walking through a workflow's history would take the longer the less runs.
OF_WORKFLOW = f"""
WITH live AS MATERIALIZED (SELECT e.id FROM executions e WHERE {_RUNS} AND e.workflow_id = %(workflow)s LIMIT %(most)s)
SELECT id, count(*) OVER () FROM live ORDER BY id DESC LIMIT %(limit)s
"""


def count(connection: psycopg.Connection[Any], viewer: Viewer) -> int:
    """How many executions run or are being canceled that the viewer may see; never above `MAX_COUNT`."""
    values = {"everything": viewer.everything, "viewer": viewer.user_id, "limit": MAX_COUNT}
    row = connection.execute(COUNT, values).fetchone()
    return row[0] if row is not None else 0


def of_workflow(connection: psycopg.Connection[Any], workflow_id: UUID, limit: int) -> tuple[list[UUID], int]:
    """The newest `limit` executions of a workflow that run or are being canceled, and how many there are of them."""
    values = {"workflow": workflow_id, "most": MAX_COUNT, "limit": limit}
    rows = connection.execute(OF_WORKFLOW, values).fetchall()
    return [row[0] for row in rows], rows[0][1] if rows else 0
