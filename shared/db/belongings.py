"""Rows of plain tables that belong to an execution: they go with it. A new such table is added here."""

from collections.abc import Sequence
from typing import Any, Final
from uuid import UUID

import psycopg
from psycopg import sql

BELONGINGS: Final = (
    ("admissions", "execution_id"),
    ("ai_ledger", "execution_id"),
    ("blob_puts", "execution_id"),
    ("bulk_items", "execution_id"),
    ("dead_letters", "execution_id"),
    ("execution_retries", "id"),
    ("execution_retries", "retry_of"),
    ("subruns", "child_id"),
    ("subruns", "execution_id"),
    ("trigger_fires", "execution_id"),
    ("waits", "execution_id"),
    ("webhook_answers", "execution_id"),
    ("webhook_deliveries", "execution_id"),
)
"""Table, and the column that holds the execution's id; with an index on it."""

DELETE_OF = "DELETE FROM {} WHERE {} = ANY(%s)"
DELETE_BETWEEN = "DELETE FROM {table} WHERE {column} >= %(low)s AND {column} < %(high)s"


def delete_of(connection: psycopg.Connection[Any], execution_ids: Sequence[UUID]) -> dict[str, int]:
    """Delete what belongs to these executions; returns how many rows by table."""
    counts: dict[str, int] = {}
    for table, column in BELONGINGS:
        statement = sql.SQL(DELETE_OF).format(sql.Identifier(table), sql.Identifier(column))
        deleted = connection.execute(statement, (list(execution_ids),)).rowcount
        counts[table] = counts.get(table, 0) + deleted
    return counts


def delete_between(connection: psycopg.Connection[Any], low: UUID, high: UUID) -> None:
    """Delete what belongs to the executions from `low` up to `high` (excluded)."""
    for table, column in BELONGINGS:
        names = {"table": sql.Identifier(table), "column": sql.Identifier(column)}
        connection.execute(sql.SQL(DELETE_BETWEEN).format(**names), {"low": low, "high": high})
