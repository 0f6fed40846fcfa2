"""Dead letters: one for each execution that failed, written with its fingerprint, in the transaction that marks it.

Not where a run fails: that statement stays as short as it is, and a failed run is found again until it has its letter.
"""

from typing import Any
from uuid import UUID

import psycopg

from shared import ids
from shared.db.horizon import EVERYTHING, Horizon
from shared.db.hot import Row, json_rows
from shared.domain.errors import FlowversalError
from shared.domain.fingerprint import MAX_MESSAGE, fingerprint
from shared.engine.plans import plan_of

LIMIT = 200

WITHOUT_LETTER = """
SELECT e.id, e.workflow_id, e.version_id, e.failed_node, d.error
FROM executions e
LEFT JOIN execution_data d ON d.execution_id = e.id AND d.execution_id BETWEEN %(lo)s AND %(hi)s
  AND d.node = coalesce(e.failed_node, '') AND d.item = coalesce(e.failed_item, '')
WHERE e.state = 'failed' AND e.error_fingerprint IS NULL AND e.id BETWEEN %(lo)s AND %(hi)s
ORDER BY e.id LIMIT %(limit)s FOR NO KEY UPDATE OF e SKIP LOCKED
"""
"""Failed executions without a dead letter, with the error that ended them; others that do the same skip them."""

INSERT_LETTERS = """
WITH marked AS (
  UPDATE executions e SET error_fingerprint = k.fingerprint
  FROM json_to_recordset(%(letters)s::json)
    AS k(id uuid, step text, code text, message text, fingerprint text, retry uuid, retried_by uuid)
  WHERE e.id = k.id AND e.id BETWEEN %(lo)s AND %(hi)s AND e.error_fingerprint IS NULL
  RETURNING e.*, k.step, k.code, k.message, k.retry, k.retried_by)
INSERT INTO dead_letters (execution_id, workflow_id, version_id, user_id, node, item, step, code, message, fingerprint,
                          failed_at, state, redriven_as, closed_at, closed_by)
SELECT id, workflow_id, version_id, user_id, failed_node, failed_item, step, code, message, error_fingerprint,
  completed_at, CASE WHEN retry IS NULL THEN 'open' ELSE 'redriven' END, retry, CASE WHEN retry IS NOT NULL THEN now() END,
  retried_by
FROM marked ORDER BY id
"""
"""The letters, and the mark that keeps an execution from getting a second one."""

FIRST_RETRIES = """
SELECT DISTINCT ON (retry_of) retry_of, id FROM execution_retries WHERE retry_of = ANY(%s) ORDER BY retry_of, id
"""
"""Who was retried before there was a letter. A retry holds the execution, so none is missed after the lock above."""

RETRIED_BY = "SELECT user_id FROM executions WHERE id = %s"


def bury(connection: psycopg.Connection[Any], *, limit: int = LIMIT, horizon: Horizon = EVERYTHING) -> list[UUID]:
    """Write the missing letters, at most `limit`, in a transaction of its own; the executions they are of."""
    with connection.transaction():
        found = connection.execute(WITHOUT_LETTER, {"limit": limit, **horizon._asdict()}).fetchall()
        if found:
            retries = dict(connection.execute(FIRST_RETRIES, ([row[0] for row in found],)).fetchall())
            letters = [_letter(connection, row) | _handled(connection, retries.get(row[0])) for row in found]
            values = {"letters": json_rows(letters).decode(), "lo": found[0][0], "hi": found[-1][0]}
            connection.execute(INSERT_LETTERS, values)
        return [row[0] for row in found]


def _letter(connection: psycopg.Connection[Any], found: tuple[Any, ...]) -> Row:
    """A row of WITHOUT_LETTER as INSERT_LETTERS takes it."""
    execution_id, workflow_id, version_id, node, error = found
    known = error if isinstance(error, dict) else {}
    code = _text(known.get("code"), "FAILED")
    message = _text(known.get("message"), "The execution failed.")
    return {
        "id": execution_id,
        "step": None if node is None else _name(connection, version_id, node),
        "code": code,
        "message": message,
        "fingerprint": fingerprint(ids.encode(ids.WORKFLOW, workflow_id), node or "", code, message),
    }


def _handled(connection: psycopg.Connection[Any], retry: UUID | None) -> Row:
    """What a retry says of the letter: it is closed."""
    if retry is None:
        return {}
    by = connection.execute(RETRIED_BY, (retry,)).fetchone()
    return {"retry": retry, "retried_by": by[0] if by else None}


def _text(value: object, otherwise: str) -> str:
    """What a node says, as text that every column takes."""
    text = value if isinstance(value, str) and value else otherwise
    return text[:MAX_MESSAGE].encode("utf-8", "replace").decode().replace("\x00", "?")


def _name(connection: psycopg.Connection[Any], version_id: UUID, node: str) -> str:
    """The node's name; its id where this process cannot compile the version any more."""
    try:
        found = plan_of(connection, version_id).nodes.get(node)
    except FlowversalError:
        return node
    return found.name if found is not None else node
