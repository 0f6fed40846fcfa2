"""Which triggers wait for the ends of which workflow's runs; the roll-up puts down their firings (shared/db/stats.py)."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

import psycopg

PUT = """
INSERT INTO follows (trigger_id, workflow_id, ends) VALUES (%s, %s, %s)
ON CONFLICT (trigger_id) DO UPDATE SET workflow_id = EXCLUDED.workflow_id, ends = EXCLUDED.ends
"""
FORGET = """
DELETE FROM follows f USING triggers t
WHERE t.id = f.trigger_id AND t.workflow_id = %s AND (t.removed_at IS NOT NULL OR t.type <> 'execution')
"""
ENDED = "SELECT EXISTS (SELECT FROM stats_delta d WHERE d.workflow_id IN (SELECT workflow_id FROM follows))"


def put(connection: psycopg.Connection[Any], trigger_id: UUID, workflow_id: UUID, ends: Sequence[str]) -> None:
    """Let a trigger follow the runs of a workflow that end in one of these states."""
    connection.execute(PUT, (trigger_id, workflow_id, list(ends)))


def forget(connection: psycopg.Connection[Any], workflow_id: UUID) -> None:
    """Forget those that the published version of a workflow does not have."""
    connection.execute(FORGET, (workflow_id,))


def ended(connection: psycopg.Connection[Any]) -> bool:
    """Whether runs of followed workflows have ended that are not rolled up."""
    row = connection.execute(ENDED).fetchone()
    return row is not None and bool(row[0])
