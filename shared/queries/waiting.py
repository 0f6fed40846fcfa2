"""What the waiting steps of one execution wait for."""

from typing import Any
from uuid import UUID

import psycopg

from shared.queries.shapes import ms

WAITING = """
SELECT node, item, kind, message, approvers, expires_at FROM waits WHERE execution_id = %s AND closed_at IS NULL
"""
"""Open questions of one execution."""

Beside = dict[tuple[str, str], dict[str, Any]]
"""More fields of steps, by (node, item)."""


def waiting_for(connection: psycopg.Connection[Any], execution_id: UUID) -> Beside:
    """`waitingFor` of each step that asks somebody outside: its `type`, what is asked, and until when."""
    found: Beside = {}
    for node, item, kind, message, approvers, expires_at in connection.execute(WAITING, (execution_id,)):
        shape: dict[str, Any] = {"type": kind, "expiresAt": ms(expires_at)}
        if kind == "approval":
            shape |= {"message": message, "approvers": approvers or []}
        found[node, item] = {"waitingFor": shape}
    return found
