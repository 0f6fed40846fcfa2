"""A run of a workflow with limits gets in line: it is stored with its first steps, and waits until it is admitted."""

from dataclasses import asdict
from typing import Any
from uuid import UUID

import psycopg

from shared.domain.errors import InvalidValue
from shared.domain.limits import KeyedLimits
from shared.domain.plan import Plan
from shared.domain.values import to_json
from shared.expr import ExpressionError

MAX_KEY_BYTES = 500

INSERT_APPLICANT = """
INSERT INTO admissions (execution_id, workflow_id, key, priority, max_concurrent, max_per_key, rate_max, rate_ms)
VALUES (%(id)s, %(workflow_id)s, %(key)s, %(priority)s, %(max_concurrent)s, %(max_per_key)s, %(rate_max)s, %(rate_ms)s)
"""
"""A run that waits for its turn."""


def queued_reason(plan: Plan) -> str | None:
    """Why a run of this plan does not begin at once; None where nothing limits it."""
    return f"It waits for its turn: {plan.limits.limits}." if plan.limits else None


def get_in_line(
    connection: psycopg.Connection[Any],
    execution_id: UUID,
    workflow_id: UUID,
    limits: KeyedLimits,
    *,
    input: Any,
    priority: int = 1,
) -> None:
    """Note, in the transaction that inserts it, that an execution waits. Raises InvalidValue for an input without a key."""
    applicant = {
        "id": execution_id,
        "workflow_id": workflow_id,
        "key": _key(limits, input),
        "priority": priority,
        **asdict(limits.limits),
    }
    connection.execute(INSERT_APPLICANT, applicant)


def _key(limits: KeyedLimits, input: Any) -> str:
    """What runs that share a limit have in common."""
    if limits.key is None:
        return ""
    try:
        found = limits.key.evaluate({"input": input})
    except ExpressionError as error:
        raise InvalidValue("input", f"settings.concurrencyKey cannot be computed from this input: {error}") from None
    text = found if isinstance(found, str) else to_json(found, max_bytes=MAX_KEY_BYTES).decode()
    if len(text.encode()) > MAX_KEY_BYTES:
        raise InvalidValue(
            "input", f"settings.concurrencyKey gives more than {MAX_KEY_BYTES} bytes: choose a shorter key"
        )
    return text
