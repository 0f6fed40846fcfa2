"""The audit trail: one row per change, appended in the transaction of the change. No secrets, no bodies."""

from collections.abc import Mapping
from typing import Any
from uuid import UUID

import psycopg
from psycopg.types.json import Json

APPEND = "INSERT INTO audit_log (user_id, action, target, detail, address) VALUES (%s, %s, %s, %s, %s)"


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
    stored = Json(dict(detail)) if detail is not None else None
    connection.execute(APPEND, (user_id, action, target, stored, address))
