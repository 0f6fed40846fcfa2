"""Which step started which execution: one row for each child, kept for good."""

from typing import Any, NamedTuple
from uuid import UUID

import psycopg

from shared.domain.outcome import Key


class Used(NamedTuple):
    """What an execution used, with the children that it waited for; the cost in nano-dollars."""

    ai_tokens: int
    api_calls: int
    ai_cost_nano: int


class Subrun(NamedTuple):
    """A row of `subruns`. `reported`: that it did not succeed was handed to its step, so the next attempt starts another."""

    execution_id: UUID
    node: str
    item: str
    child_id: UUID
    reported: bool
    ai_tokens: int
    api_calls: int
    ai_cost_nano: int

    @property
    def key(self) -> Key:
        """The step that started it."""
        return self.execution_id, self.node, self.item

    @property
    def used(self) -> Used:
        """What of its use is in the sums of its parent."""
        return Used(self.ai_tokens, self.api_calls, self.ai_cost_nano)


_COLUMNS = "execution_id, node, item, child_id, reported, ai_tokens, api_calls, ai_cost_nano"

NEWEST = f"""
SELECT {_COLUMNS} FROM subruns WHERE execution_id = %s AND node = %s AND item = %s ORDER BY child_id DESC LIMIT 1
"""
OF_CHILD = f"SELECT {_COLUMNS} FROM subruns WHERE child_id = %s"
INSERT = "INSERT INTO subruns (execution_id, node, item, child_id, waits) VALUES (%s, %s, %s, %s, %s)"
REPORTED = "UPDATE subruns SET reported = true WHERE child_id = %s"
OVER = """
UPDATE subruns SET over = true, ai_tokens = %(ai_tokens)s, api_calls = %(api_calls)s, ai_cost_nano = %(ai_cost_nano)s
WHERE child_id = %(child_id)s
"""
ORPHANS = "SELECT child_id FROM subruns WHERE orphaned ORDER BY child_id LIMIT %s"
ADOPTED = "UPDATE subruns SET orphaned = false WHERE child_id = %s"


def newest(connection: psycopg.Connection[Any], step: Key) -> Subrun | None:
    """The child that the step started last."""
    row = connection.execute(NEWEST, step).fetchone()
    return Subrun(*row) if row is not None else None


def of_child(connection: psycopg.Connection[Any], child_id: UUID) -> Subrun | None:
    """The step that started this execution, if one did."""
    row = connection.execute(OF_CHILD, (child_id,)).fetchone()
    return Subrun(*row) if row is not None else None


def insert(connection: psycopg.Connection[Any], step: Key, child_id: UUID, *, waits: bool) -> None:
    """Remember who started an execution; `waits`: its step waits for the end."""
    connection.execute(INSERT, (*step, child_id, waits))


def set_reported(connection: psycopg.Connection[Any], child_id: UUID) -> None:
    """Its failure is with its step: another attempt starts another child."""
    connection.execute(REPORTED, (child_id,))


def set_over(connection: psycopg.Connection[Any], child_id: UUID, used: Used) -> None:
    """It has ended, and so much of what it used is in the sums of its parent, whose execution is locked."""
    connection.execute(OVER, {"child_id": child_id, **used._asdict()})


def orphans(connection: psycopg.Connection[Any], limit: int) -> list[UUID]:
    """Children whose parents have been stopped, to be canceled."""
    return [row[0] for row in connection.execute(ORPHANS, (limit,))]


def set_adopted(connection: psycopg.Connection[Any], child_id: UUID) -> None:
    """It is no orphan any more: it was canceled, or had ended."""
    connection.execute(ADOPTED, (child_id,))
