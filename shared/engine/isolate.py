"""Apply outcomes that clockwork found, so that one that cannot be applied does not hold up the others."""

from collections.abc import Sequence
from typing import Any

import psycopg

from shared.db.pool import SERVER_ERRORS, server_is_away
from shared.domain.outcome import Outcome
from shared.engine.complete import Applied, apply
from shared.log import get_logger

# Look again at a step that could not be changed in a minute, not at every pass.
POSTPONE = """
UPDATE steps SET due_at = clock_timestamp() + interval '1 minute'
WHERE execution_id = %s AND node = %s AND item = %s AND due_at IS NOT NULL
"""

_RACES = ("40P01", "40001")
_log = get_logger(__name__)


def apply_isolated(
    connection: psycopg.Connection[Any], outcomes: Sequence[Outcome], *, republish_s: float = 5.0
) -> Applied:
    """All outcomes in one transaction; if that fails, each in its own, and the guilty ones are logged and postponed.

    A server that is away, or a deadlock, raises one of SERVER_ERRORS: nothing is guilty then. The next pass finds
    the same steps again, and those that met a time limit.
    """
    try:
        return apply(connection, outcomes, republish_s=republish_s)
    except SERVER_ERRORS as error:
        if server_is_away(error) or error.sqlstate in _RACES:
            raise
        if len(outcomes) == 1:
            _log.warning("a step cannot be advanced now", execution_id=str(outcomes[0].key[0]), error=str(error))
            return Applied([], set(), 0)
    except Exception as error:  # noqa: BLE001 - whatever it is, only the guilty one may be held up
        if len(outcomes) == 1:
            _postpone(connection, outcomes[0], error)
            return Applied([], set(), 0)
    return _each(connection, outcomes, republish_s)


def _each(connection: psycopg.Connection[Any], outcomes: Sequence[Outcome], republish_s: float) -> Applied:
    parts = [apply_isolated(connection, [outcome], republish_s=republish_s) for outcome in outcomes]
    return sum(parts, Applied([], set(), 0))


def _postpone(connection: psycopg.Connection[Any], outcome: Outcome, error: Exception) -> None:
    execution_id, node, item = outcome.key
    _log.error(
        "a step cannot be advanced; looking again in a minute",
        execution_id=str(execution_id),
        node=node,
        item=item,
        outcome=outcome.kind.value,
        exc_info=error,
    )
    connection.execute(POSTPONE, outcome.key)
