"""A step answers whoever called the webhook that started its run: the first answer counts, and only while they wait."""

from enum import StrEnum
from typing import Any

import psycopg
from psycopg.types.json import Json

from shared.domain.errors import StaleFence
from shared.domain.outcome import Key
from shared.nodes.base import Respond

ANSWER = """
UPDATE webhook_answers a SET answered_at = clock_timestamp(), node = %(node)s, item = %(item)s, status = %(status)s,
  headers = %(headers)s, body = %(body)s
WHERE a.execution_id = %(id)s AND a.answered_at IS NULL AND a.closed_at IS NULL AND a.waits_until > clock_timestamp()
  AND EXISTS (SELECT FROM steps s WHERE s.execution_id = %(id)s AND s.node = %(node)s AND s.item = %(item)s
                AND s.fence = %(fence)s AND s.state = 'running')
"""
"""The answer of a step that runs under this fence, if the caller waits and has none. Two at once: the row's lock decides."""

FOUND = """
SELECT answered_at IS NOT NULL, closed_at IS NOT NULL OR waits_until <= clock_timestamp(), node, item
FROM webhook_answers WHERE execution_id = %(id)s
"""
"""Why an answer was not taken."""


class Answered(StrEnum):
    """What became of an answer; the value is the reason that a step's output gives."""

    TAKEN = "taken"
    NO_CALLER = "no-caller"
    ANSWERED_BEFORE = "answered-before"
    TOO_LATE = "too-late"


def respond(connection: psycopg.Connection[Any], key: Key, fence: int, answer: Respond) -> Answered:
    """Store the answer, in a transaction of its own or the caller's. An attempt that repeats one of its step finds it taken.

    TAKEN: it is what the caller gets, who was waiting at that moment; whether they have read it only they know.
    Raises StaleFence for a step that somebody else has now.
    """
    values = {
        "id": key[0], "node": key[1], "item": key[2], "fence": fence, "status": answer.status,
        "headers": Json(answer.headers), "body": answer.body,
    }  # fmt: skip
    if connection.execute(ANSWER, values).rowcount == 1:
        return Answered.TAKEN
    row = connection.execute(FOUND, {"id": key[0]}).fetchone()
    if row is None:
        return Answered.NO_CALLER
    answered, over, *by = row
    if answered:
        return Answered.TAKEN if by == list(key[1:]) else Answered.ANSWERED_BEFORE
    if over:
        return Answered.TOO_LATE
    raise StaleFence(f"Step {key[1]} of {key[0]} was claimed again since.")
