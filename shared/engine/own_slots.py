"""A run that would wait for ever for a slot of its workflow, because the runs that hold them wait for its end."""

from typing import Any
from uuid import UUID

import psycopg

from shared.domain.errors import NodeError

CODE = "SUBFLOW_DEADLOCK"

OWN_HOLDERS = """
WITH RECURSIVE above AS (
  SELECT execution_id AS id FROM subruns WHERE child_id = %(id)s AND waits
  UNION ALL
  SELECT r.execution_id FROM above a JOIN subruns r ON r.child_id = a.id AND r.waits)
SELECT mine.max_concurrent, mine.max_per_key, count(h.execution_id), count(h.execution_id) FILTER (WHERE h.key = mine.key)
FROM admissions mine
LEFT JOIN admissions h ON h.workflow_id = mine.workflow_id AND h.admitted_at IS NOT NULL AND h.over_at IS NULL
  AND h.execution_id IN (SELECT id FROM above)
WHERE mine.execution_id = %(id)s
GROUP BY mine.execution_id
"""
"""The limits of a run in line, and how many slots of its workflow (and of its key) are held by runs that wait for it.

They cannot end before it does, so what is read here does not change for the better.
"""


def check_own_slots(connection: psycopg.Connection[Any], child_id: UUID, name: str) -> None:
    """Raises NodeError if a child in line, whose row of `subruns` is there, can never be admitted. `name`: its workflow's."""
    row = connection.execute(OWN_HOLDERS, {"id": child_id}).fetchone()
    if row is None:
        return
    most, most_per_key, held, held_of_key = row
    if most is not None and held >= most:
        raise _deadlock(name, most, "", "settings.maxConcurrent")
    if most_per_key is not None and held_of_key >= most_per_key:
        raise _deadlock(name, most_per_key, " with the same key", "settings.maxPerKey")


def _deadlock(name: str, most: int, of_key: str, field: str) -> NodeError:
    holders = "the run that holds the slot waits" if most == 1 else f"the {most} runs that hold the slots wait"
    text = (
        f"This would wait for ever: {name} may have at most {most}{of_key} at a time, and {holders} for this one. "
        f"Raise {field} of {name}, or set `wait` to false here."
    )
    return NodeError(CODE, text)
