"""A caller waits for what its run says. Held by nothing but a greenlet: no connection, no transaction."""

from time import monotonic
from uuid import UUID

from flask import current_app
from sqlalchemy import Engine
from werkzeug.wrappers import Response

from services.api.hooks.answers import accepted, of_run
from shared.db import webhook_answers
from shared.db.webhook_answers import WaitedFor
from shared.queries.executions import TERMINAL_STATES
from shared.web.database import UNREACHABLE, borrowed, db, release
from shared.web.live import hub_of

_LOOK_S = 5.0
_AWAY_S = 0.5
_GRACE_S = 5.0


def answer_of(execution_id: UUID, wait_s: float) -> Response:
    """The answer of the run as soon as there is one, or its end; 202 with its id when the time is over.

    Hints wake it; without Redis it looks once a second. The run is stored: a database that is away meanwhile is waited for.
    """
    engine, ends = db.engine, monotonic() + wait_s + _GRACE_S
    release()
    with hub_of(current_app).watch(execution_id) as watch:
        while monotonic() < ends:
            try:
                found = _look(engine, execution_id)
            except UNREACHABLE:
                watch.wait(_AWAY_S)
                continue
            if found is None or found.closed:
                break
            if _is_over(found):
                return of_run(found, execution_id)
            watch.wait(min(max(found.left_s, 0.01), _LOOK_S))
    return accepted(execution_id)


def _look(engine: Engine, execution_id: UUID) -> WaitedFor | None:
    """How far the run is. Once the time is over no step can answer any more, unless one just did."""
    with borrowed(engine) as connection:
        found = webhook_answers.look(connection, execution_id)
        if found is None or found.left_s > 0 or found.closed or _is_over(found):
            return found
        webhook_answers.close(connection, execution_id)
        connection.commit()
        return webhook_answers.look(connection, execution_id)


def _is_over(found: WaitedFor) -> bool:
    return found.answered or found.state in TERMINAL_STATES
