"""Firings that wait for clockwork: of runs that ended and are followed, and of a range that is done again."""

from typing import Any

import psycopg

from shared import ids
from shared.db import fires
from shared.db.fires import WaitingFire
from shared.db.horizon import EVERYTHING, Horizon
from shared.domain.errors import NotFound, RequestError
from shared.engine.fire import Fired, Fires, scheduled_input
from shared.engine.start import MAX_DEPTH, Started
from shared.engine.triggered import Starter, reason_of, start_triggered
from shared.queries import executions

FOLLOWING, AGAIN = "execution", "backfill"
LIMIT = 20
LOW = 0
DEPTH = "SELECT depth FROM executions WHERE id = %s"
"""How many executions led to one."""


def fire_waiting(
    connection: psycopg.Connection[Any],
    cause: str,
    *,
    limit: int = LIMIT,
    republish_s: float = 5.0,
    horizon: Horizon = EVERYTHING,
) -> Fires:
    """Start the runs of at most `limit` firings of a cause, in a transaction of its own: each once, whatever crashes.

    One that cannot be started is put down with its reason. Raises psycopg errors when the server is away; then nothing
    was done.
    """
    done = Fires()
    with connection.transaction():
        for waiting in fires.claim_waiting(connection, cause, limit, horizon):
            done.claimed += 1
            _alone(connection, waiting, done, republish_s, horizon)
    return done


def _alone(
    connection: psycopg.Connection[Any], waiting: WaitingFire, done: Fires, republish_s: float, horizon: Horizon
) -> None:
    overlap = waiting.cause == AGAIN and waiting.config.get("overlap") == "skip"
    if overlap and fires.lives(connection, waiting.trigger_id, horizon):
        return
    reason = ""
    try:
        with connection.transaction():
            started = _start(connection, waiting, republish_s)
            fires.finish(connection, waiting.fire, "started", execution_id=started.id)
            done.begun(started)
    except Exception as error:  # noqa: BLE001 - see reason_of
        reason = reason_of(error, waiting.fire)
        fires.finish(connection, waiting.fire, "failed", reason=reason)
    outcome = "failed" if reason else "started"
    place = (waiting.trigger_id, waiting.workflow_id, waiting.key, waiting.fire_at)
    done.fired.append(Fired(*place, outcome, 0.0, reason))


def _start(connection: psycopg.Connection[Any], waiting: WaitingFire, republish_s: float) -> Started:
    if not waiting.registered:
        raise NotFound("The published version of the workflow does not have this trigger any more.")
    starter = Starter(waiting.trigger_id, waiting.workflow_id, waiting.owner_id, waiting.role)
    if waiting.cause == AGAIN:
        given = scheduled_input(waiting.config, waiting.key, waiting.fire_at)
        return start_triggered(
            connection, starter, input=given, trigger_type="schedule", priority=LOW, republish_s=republish_s
        )
    depth = _depth(connection, waiting)
    return start_triggered(
        connection,
        starter,
        input=_ended(connection, waiting, starter),
        trigger_type="workflow",
        called_by=waiting.source_id,
        depth=depth,
        republish_s=republish_s,
    )


def _depth(connection: psycopg.Connection[Any], waiting: WaitingFire) -> int:
    row = connection.execute(DEPTH, (waiting.source_id,)).fetchone()
    depth = (row[0] if row is not None else 0) + 1
    if depth > MAX_DEPTH:
        raise RequestError(f"Runs lead to runs more than {MAX_DEPTH} deep here, probably in a circle.")
    return depth


def _ended(connection: psycopg.Connection[Any], waiting: WaitingFire, starter: Starter) -> dict[str, Any]:
    """`{"execution": …, "output": …, "error": {…} | null, "trigger"}`, as the API shows them. Raises NotFound for a run that the owner
    may not see.
    """
    row = executions.row(connection, waiting.source_id, starter.viewer)
    if row is None:
        public = ids.encode(ids.EXECUTION, waiting.source_id)
        raise NotFound(f"The owner of this workflow may not see the run that ended, {public}, or it was removed.")
    record = executions.detail(connection, row)
    apart = {name: record.pop(name, None) for name in ("input", "inputRef", "output", "outputRef", "error", "retries")}
    shape = {"execution": record, "output": apart["output"], "error": apart["error"], "trigger": waiting.key}
    return shape | ({"outputRef": apart["outputRef"]} if apart["outputRef"] else {})
