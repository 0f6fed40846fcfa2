"""Redrive dead letters: retry what failed from its failed step, once for each letter (the retry closes it)."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

import psycopg

from shared import ids
from shared.db import letters
from shared.db.letters import Letter
from shared.domain.errors import Conflict, NotFound, RequestError
from shared.engine.retry import lock_first, retry_execution
from shared.engine.start import Started

LOCK_EXECUTIONS = """
SELECT id FROM executions WHERE id = ANY(%(ids)s::uuid[]) AND id BETWEEN %(lo)s AND %(hi)s ORDER BY id FOR NO KEY UPDATE
"""
"""The executions of the letters: first lock, as of every other transition; retention passes by what is held."""


@dataclass(slots=True)
class Redriven:
    """What became of some letters. `refused`: why others were not redriven, by letter."""

    started: dict[UUID, Started] = field(default_factory=dict)
    refused: dict[UUID, str] = field(default_factory=dict)


def redrive(
    connection: psycopg.Connection[Any],
    letter_id: UUID,
    execution_id: UUID,
    *,
    user_id: UUID,
    republish_s: float = 5.0,
) -> Started:
    """Run the execution of one letter again, in the caller's transaction. Publish its steps after the commit.

    Raises NotFound when retention has removed it, Conflict when it was redriven already (naming the execution), or its
    workflow is disabled or archived.
    """
    _lock_executions(connection, [execution_id])
    found = letters.lock(connection, [letter_id])
    if not found:
        raise NotFound("There is no such dead letter any more.")
    return _redrive(connection, found[0], user_id, republish_s)


def redrive_all(
    connection: psycopg.Connection[Any],
    letter_ids: Sequence[tuple[UUID, UUID]],
    *,
    user_id: UUID,
    republish_s: float = 5.0,
) -> Redriven:
    """The same for many (letter, execution), in the caller's transaction; those closed meanwhile are left alone."""
    done = Redriven()
    _lock_executions(connection, [execution_id for _, execution_id in letter_ids])
    for letter in letters.lock(connection, [letter_id for letter_id, _ in letter_ids]):
        if letter.state != "open":
            continue
        try:
            with connection.transaction():
                done.started[letter.id] = _redrive(connection, letter, user_id, republish_s)
        except RequestError as error:
            done.refused[letter.id] = str(error)
    return done


def _lock_executions(connection: psycopg.Connection[Any], execution_ids: Sequence[UUID]) -> None:
    if execution_ids:
        bounds = {"lo": min(execution_ids), "hi": max(execution_ids)}
        connection.execute(LOCK_EXECUTIONS, {"ids": list(execution_ids), **bounds})


def _redrive(connection: psycopg.Connection[Any], letter: Letter, user_id: UUID, republish_s: float) -> Started:
    if letter.redriven_as is not None:
        raise Conflict(f"It was redriven already, as {ids.encode(ids.EXECUTION, letter.redriven_as)}.")
    if not letter.runnable:
        raise Conflict(f"{letter.workflow_name} is disabled or archived. Enable it, then redrive.")
    version_id = lock_first(connection, letter.execution_id).version_id
    return retry_execution(connection, letter.execution_id, version_id, user_id=user_id, republish_s=republish_s)
