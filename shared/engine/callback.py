"""A call arrives for a step that waits for one: it counts once, also when it comes before the step has begun to wait."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import psycopg

from shared.domain.outcome import Key
from shared.domain.states import TERMINAL_EXECUTION, TERMINAL_STEP
from shared.engine.answer import answer_step
from shared.engine.cancel import LOCK_EXECUTION
from shared.engine.complete import Applied

LOCK_STEP = "SELECT state, resumed FROM steps WHERE execution_id = %s AND node = %s AND item = %s FOR UPDATE"
"""After the execution; no row: nothing has reached the step yet."""

ANSWERED = "SELECT answered_at IS NOT NULL FROM waits WHERE execution_id = %s AND node = %s AND item = %s"

INSERT_EARLY = """
INSERT INTO waits (execution_id, node, item, kind, workflow_id, answer, answered_at, closed_at)
SELECT %(id)s, %(node)s, %(item)s, 'callback', workflow_id, %(answer)s::json, clock_timestamp(), clock_timestamp()
FROM executions WHERE id = %(id)s
ON CONFLICT (execution_id, node, item) DO UPDATE SET answer = excluded.answer, answered_at = excluded.answered_at,
  closed_at = excluded.closed_at
"""
"""Keep the call for the step, which finds it when it begins to wait; the execution's lock keeps that from happening now."""


class Received(StrEnum):
    """What became of a call."""

    ACCEPTED = "accepted"
    REPEATED = "repeated"
    OVER = "over"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Call:
    """`applied` has what to publish after the commit, where the step waited."""

    received: Received
    applied: Applied | None = None


def receive_call(connection: psycopg.Connection[Any], key: Key, answer: str, *, republish_s: float = 5.0) -> Call:
    """Take a call for a step, with what it brought (JSON), in the caller's transaction.

    Two calls at the same moment wait for each other; the second one is REPEATED. OVER: the run has ended, the step's time
    was over, or it does not run.
    """
    execution = connection.execute(LOCK_EXECUTION, (key[0],)).fetchone()
    if execution is None:
        return Call(Received.UNKNOWN)
    if execution[0] in TERMINAL_EXECUTION or execution[1] is not None:
        return Call(Received.OVER)
    if connection.execute(ANSWERED, key).fetchone() == (True,):
        return Call(Received.REPEATED)
    state, resumed = connection.execute(LOCK_STEP, key).fetchone() or ("pending", False)
    if state == "waiting":
        applied = answer_step(connection, key, "callback", answer, republish_s=republish_s)
        return Call(Received.ACCEPTED if applied else Received.OVER, applied)
    if resumed or state in TERMINAL_STEP:
        return Call(Received.OVER)
    connection.execute(INSERT_EARLY, {"id": key[0], "node": key[1], "item": key[2], "answer": answer})
    return Call(Received.ACCEPTED)
