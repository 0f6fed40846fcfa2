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
from shared.engine.runnable import published, startable
from shared.engine.start import Started
from shared.queries.shapes import Viewer

SAME = "same"

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
    viewer: Viewer,
    version: str = SAME,
    republish_s: float = 5.0,
) -> Started:
    """Run the execution of one letter again, in the caller's transaction. Publish its steps after the commit.

    `version`: `same`, or `published`. Raises NotFound when retention has removed it, Conflict when it was redriven
    already (naming the execution), or its workflow is disabled, archived, or not shared with the viewer any more.
    """
    lock_executions(connection, [execution_id])
    found = letters.lock(connection, [letter_id])
    if not found:
        raise NotFound("There is no such dead letter any more.")
    return _redrive(connection, found[0], viewer, version, republish_s)


def redrive_all(
    connection: psycopg.Connection[Any],
    letter_ids: Sequence[tuple[UUID, UUID]],
    *,
    viewer: Viewer,
    version: str = SAME,
    republish_s: float = 5.0,
) -> Redriven:
    """The same for many (letter, execution), in the caller's transaction; those closed meanwhile are left alone."""
    done = Redriven()
    lock_executions(connection, [execution_id for _, execution_id in letter_ids])
    for letter in letters.lock(connection, [letter_id for letter_id, _ in letter_ids]):
        if letter.state != "open":
            continue
        try:
            with connection.transaction():
                done.started[letter.id] = _redrive(connection, letter, viewer, version, republish_s)
        except RequestError as error:
            done.refused[letter.id] = str(error)
    return done


def lock_executions(connection: psycopg.Connection[Any], execution_ids: Sequence[UUID]) -> None:
    """Hold executions that are over, by id, while they are retried: their letters are written before, or see the retry."""
    if execution_ids:
        bounds = {"lo": min(execution_ids), "hi": max(execution_ids)}
        connection.execute(LOCK_EXECUTIONS, {"ids": list(execution_ids), **bounds})


def _redrive(
    connection: psycopg.Connection[Any], letter: Letter, viewer: Viewer, version: str, republish_s: float
) -> Started:
    if letter.redriven_as is not None:
        raise Conflict(f"It was redriven already, as {ids.encode(ids.EXECUTION, letter.redriven_as)}.")
    version_id = _version(connection, letter, viewer, version)
    return retry_execution(connection, letter.execution_id, version_id, user_id=viewer.user_id, republish_s=republish_s)


def _version(connection: psycopg.Connection[Any], letter: Letter, viewer: Viewer, version: str) -> UUID:
    """The version to run. Who saw a run may not be somebody who may start its workflow now."""
    name = letter.workflow_name
    try:
        if version != SAME:
            return published(connection, letter.workflow_id, viewer).version_id
        startable(connection, letter.workflow_id, viewer)
    except NotFound:
        raise Conflict(f"{name} is archived, or not shared with you any more, so it cannot run again.") from None
    except Conflict as error:
        raise Conflict(f"{name}: {error}") from None
    return lock_first(connection, letter.execution_id).version_id
