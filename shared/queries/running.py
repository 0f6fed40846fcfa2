"""What runs right now, as the live indicator counts it: running and canceling."""

from typing import Any

import psycopg

from shared.queries.shapes import Viewer

MAX_COUNT = 1_000

# Live executions are few whatever the history holds; the index on (state, id) finds them. Counts no further than the limit.
COUNT = """
SELECT count(*) FROM (
  SELECT 1 FROM executions e
  WHERE (e.state = 'running' OR (e.state IN ('queued', 'waiting') AND e.stopping = 'cancel'))
    AND (%(everything)s OR e.user_id = %(viewer)s
      OR e.workflow_id IN (SELECT id FROM workflows WHERE owner_id = %(viewer)s OR shared))
  LIMIT %(limit)s
) AS live
"""


def count(connection: psycopg.Connection[Any], viewer: Viewer) -> int:
    """How many executions run or are being canceled that the viewer may see; never above `MAX_COUNT`."""
    values = {"everything": viewer.everything, "viewer": viewer.user_id, "limit": MAX_COUNT}
    row = connection.execute(COUNT, values).fetchone()
    return row[0] if row is not None else 0
