"""The audit trail: one row per change, appended in the transaction of the change. No secrets, no bodies."""

import json
from collections.abc import Mapping
from typing import Any
from uuid import UUID

import psycopg

APPEND = """
INSERT INTO audit_log (user_id, action, target, detail, address)
VALUES (%(user_id)s, %(action)s, %(target)s, %(detail)s, %(address)s)
"""


def append(
    connection: psycopg.Connection[Any],
    user_id: UUID | None,
    action: str,
    target: str,
    *,
    detail: Mapping[str, Any] | None = None,
    address: str | None = None,
) -> None:
    """Add a line: who did what (`workflow.publish`) to what (`wf-…`), from which address."""
    connection.execute(APPEND, line(user_id, action, target, detail=detail, address=address))


def line(
    user_id: UUID | None,
    action: str,
    target: str,
    *,
    detail: Mapping[str, Any] | None = None,
    address: str | None = None,
) -> dict[str, Any]:
    """The values of `APPEND`, for who sends it together with other statements."""
    stored = None if detail is None else json.dumps(detail)
    return {"user_id": user_id, "action": action, "target": target, "detail": stored, "address": address}
