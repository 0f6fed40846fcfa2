"""Schedules: what one would do, running one now, and doing a range of its firings again."""

from typing import Any
from uuid import UUID

import psycopg
from flask import Blueprint
from werkzeug.wrappers import Response

from services.api.accepting import Begun, accept, accepts, chosen_version
from services.api.idempotency import Created, create_once
from services.api.operation import operation
from services.api.reading import read_json
from services.api.registered import note, visible_schedule
from services.api.schemas import triggers as schemas
from services.api.schemas.base import Nothing, ProblemAnswer
from shared import ids
from shared.auth.access import Action
from shared.db import fires, schedules
from shared.db.fires import MAX_BACKFILL, FireKey
from shared.db.triggers import Trigger
from shared.domain.errors import Conflict, Problem
from shared.domain.fields import Fields
from shared.domain.triggers.moments import from_ms, to_ms
from shared.domain.triggers.schedule import read_timing
from shared.domain.triggers.sentence import sentence_of
from shared.domain.triggers.timing import Timing, timing_of
from shared.engine.fire import scheduled_input
from shared.engine.plans import plan_of
from shared.engine.start import start_execution
from shared.queries import executions
from shared.queries.executions import ExecutionRow
from shared.web.answers import answer
from shared.web.database import commit, connection
from shared.web.guard import identity
from shared.web.problems import ProblemError

blueprint = Blueprint("schedules", __name__, url_prefix="/api/v1")

_ONE = "/workflows/<workflow:workflow_id>/triggers/<name>"


@blueprint.post("/schedules/preview")
@operation(Action.WORKFLOW_READ, {200: schemas.Preview, 422: ProblemAnswer}, body=schemas.PreviewSchedule)
def preview(body: schemas.PreviewSchedule) -> Response:
    """Say in plain words what a schedule does, and when it would be due next."""
    since = to_ms(schedules.clock(connection())) if body.since is None else body.since
    timing = timing_of(read_timing(Fields(read_json(), "", [])), since)
    return answer({"sentence": sentence_of(timing), "nextRuns": timing.upcoming(since, body.count)})


@blueprint.post(f"{_ONE}/run")
@accepts(Nothing)
def run(workflow_id: UUID, name: str) -> Response:
    """Run a schedule's workflow now, with the input that it would have.

    In your name, and also while it is paused; its next runs stay as they are.
    """
    _, trigger = visible_schedule(workflow_id, name)
    how = "api" if identity().csrf is None else "manual"
    return accept(how, "trigger.run", lambda connection: _begin(connection, trigger, how))


@blueprint.post(f"{_ONE}/backfill")
@operation(
    Action.TRIGGER_OPERATE,
    {200: schemas.Backfilled, 202: schemas.Backfilled, 422: ProblemAnswer},
    body=schemas.Backfill,
    creates=True,
)
def backfill(workflow_id: UUID, name: str, body: schemas.Backfill) -> Response:
    """Start one run for each firing of a range of time, in the background and with low priority.

    At most 1,000. A firing that has had its run is left out, so the same range twice does nothing the second time.
    With `dryRun` only the counts, 200.
    """
    _, trigger = visible_schedule(workflow_id, name)
    if body.dry_run:
        found = _range(connection(), trigger, body)
        return answer(
            _counted(found, fires.count_to_start(connection(), trigger.id, [from_ms(each) for each in found]))
        )

    def insert(connection: psycopg.Connection[Any]) -> Created:
        found = _range(connection, trigger, body)
        queued = fires.queue(connection, trigger.id, [from_ms(each) for each in found])
        note(connection, "trigger.backfill", trigger, since=body.since, until=body.until, queued=queued)
        public = ids.encode(ids.WORKFLOW, trigger.workflow_id)
        return Created(_counted(found, queued), f"/api/v1/workflows/{public}/triggers/{trigger.key}/fires", status=202)

    return create_once(insert)


@blueprint.post(f"{_ONE}/backfill/cancel")
@operation(Action.TRIGGER_OPERATE, {200: schemas.BackfillCanceled}, body=Nothing)
def cancel_backfill(workflow_id: UUID, name: str) -> Response:
    """Leave out what is still to be done of a range. Runs that have begun go on."""
    _, trigger = visible_schedule(workflow_id, name)
    canceled = fires.cancel_waiting(connection(), trigger.id)
    note(connection(), "trigger.backfill.cancel", trigger, canceled=canceled)
    commit()
    return answer({"canceled": canceled})


def _counted(found: list[int], queued: int) -> dict[str, Any]:
    ends = {"firstAt": found[0] if found else None, "lastAt": found[-1] if found else None}
    return {"firings": len(found), "queued": queued, "already": len(found) - queued} | ends


def _timing(connection: psycopg.Connection[Any], trigger: Trigger) -> Timing:
    known = schedules.of_triggers(connection, [trigger.id])[trigger.id]
    return timing_of(trigger.config, to_ms(known.anchor))


def _range(connection: psycopg.Connection[Any], trigger: Trigger, body: schemas.Backfill) -> list[int]:
    """The firings to do again. Raises a 422 problem for a range that is none, or has too many."""
    if body.until < body.since:
        raise _refused("This is before `from`.")
    until = min(body.until, to_ms(schedules.clock(connection)))
    found = _timing(connection, trigger).between(body.since, until, MAX_BACKFILL + 1)
    if len(found) > MAX_BACKFILL:
        raise _refused(f"There are more than {MAX_BACKFILL:,} firings: choose a shorter range.")
    return found


def _refused(message: str) -> ProblemError:
    detail = "The range cannot be done again. Correct it and send it again."
    return ProblemError(422, "invalid-request", "The request cannot be used", detail, [Problem("to", message)])


def _begin(connection: psycopg.Connection[Any], trigger: Trigger, how: str) -> Begun:
    runnable = chosen_version(connection, trigger.workflow_id, "published")
    now = schedules.clock(connection)
    started = start_execution(
        connection,
        workflow_id=trigger.workflow_id,
        version_id=runnable.version_id,
        execution_id=runnable.execution_id,
        user_id=identity().user_id,
        input=(given := scheduled_input(trigger.config, trigger.key, now)),
        trigger_type=how,
        trigger_id=trigger.id,
    )
    if not fires.add(connection, FireKey(trigger.id, now), "manual", "started", execution_id=started.id):
        raise Conflict("This schedule was run at this very moment. Try again.")
    inserted = ExecutionRow(
        id=started.id,
        workflow_id=trigger.workflow_id,
        workflow_name=runnable.name,
        version_id=runnable.version_id,
        version=runnable.number,
        user_id=identity().user_id,
        user_name=identity().name,
        trigger_type=how,
        trigger_id=trigger.id,
        trigger_key=trigger.key,
        trigger_name=trigger.name,
        queued_reason=started.queued_reason,
        total_steps=plan_of(connection, runnable.version_id).total_steps,
    )
    record = executions.record(connection, inserted) | {"input": given}
    detail = {"workflow": ids.encode(ids.WORKFLOW, trigger.workflow_id), "key": trigger.key}
    return Begun(started, record, detail)
