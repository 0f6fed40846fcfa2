"""Somebody outside answers what a waiting step asks: the step goes on, once, with the answer beside it."""

from typing import Any
from uuid import UUID

import psycopg

from shared.db import waits
from shared.domain.errors import Conflict
from shared.domain.outcome import Key, Kind, Outcome
from shared.engine.complete import Applied, apply


def answer_step(
    connection: psycopg.Connection[Any],
    key: Key,
    kind: str,
    answer: str,
    *,
    by: UUID | None = None,
    republish_s: float = 5.0,
) -> Applied | None:
    """Resume the step with the answer (JSON) to its question of this kind, in the caller's transaction; None if it does not
    wait (any more). Publish `ready` after the commit.

    Whoever comes second waits for the lock of the execution, and then finds that the step has gone on.
    Raises Conflict where the step waits, but asks nothing of that kind: roll back then.
    """
    applied = apply(connection, [Outcome(key, Kind.RESUMED)], republish_s=republish_s)
    if not applied.accepted:
        return None
    if not waits.give(connection, key, kind, answer, by):
        raise Conflict("This step waits, but not for an answer of this kind.")
    return applied
