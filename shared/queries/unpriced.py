"""Calls of models whose price nobody knows: they are in no sum of money, so whoever shows one says how many there are.

Counted from what is folded and what is not, as budgets are: each call when its outcome is in, late ones too.
"""

from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

import psycopg

_ROWS = """
SELECT workflow_id, user_id, calls AS unpriced FROM ai_unpriced
UNION ALL
SELECT workflow_id, user_id, unpriced FROM ai_delta WHERE unpriced > 0"""

OF_WORKFLOWS = f"""
SELECT workflow_id, sum(unpriced)::bigint FROM ({_ROWS}) AS every WHERE workflow_id = ANY(%(ids)s) GROUP BY workflow_id
"""
"""Of these workflows; no row for one without such calls."""

OF_USERS = f"""
SELECT user_id, sum(unpriced)::bigint FROM ({_ROWS}) AS every WHERE user_id = ANY(%(ids)s) GROUP BY user_id
"""
"""Of what these users ran; no row for one without such calls."""

OVERALL = f"""
SELECT NULL::uuid, coalesce(sum(unpriced), 0)::bigint FROM ({_ROWS}) AS every
WHERE %(user)s::uuid IS NULL OR user_id = %(user)s
"""
"""Of everything, or of what one user ran."""


def of_workflows(connection: psycopg.Connection[Any], ids: Sequence[UUID]) -> dict[UUID | None, int]:
    """How many by workflow, without those that have none."""
    return _counts(connection, OF_WORKFLOWS, {"ids": list(ids)})


def of_users(connection: psycopg.Connection[Any], ids: Sequence[UUID]) -> dict[UUID | None, int]:
    """How many by who ran them, without those that have none."""
    return _counts(connection, OF_USERS, {"ids": list(ids)})


def overall(connection: psycopg.Connection[Any], user_id: UUID | None) -> int:
    """How many of everything, or of what one user ran."""
    return _counts(connection, OVERALL, {"user": user_id})[None]


def _counts(connection: psycopg.Connection[Any], query: str, values: Mapping[str, Any]) -> dict[UUID | None, int]:
    return dict(connection.execute(query, values).fetchall())
