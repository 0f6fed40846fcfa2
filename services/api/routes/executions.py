"""Executions: list, read, steps, logs, live events, cancel."""

from uuid import UUID

from flask import Blueprint, current_app, request
from werkzeug.wrappers import Response

from services.api.access import NO_EXECUTION, viewer, visible_execution
from services.api.events import EventStream
from services.api.last_lines import wait_for_last_lines
from services.api.operation import operation
from services.api.preferences import wait_s, wait_until_over
from services.api.publishing import outbox
from services.api.schemas import ai
from services.api.schemas import executions as schemas
from services.api.schemas.base import Nothing, ProblemAnswer
from shared import ids
from shared.auth.access import Action
from shared.db import audit
from shared.domain.errors import Conflict, NotFound
from shared.engine.cancel import CancelResult, cancel_execution
from shared.metrics import EXECUTIONS_FINISHED
from shared.queries import ai_usage, execution_list, executions, logs, steps
from shared.queries.callback_urls import show_urls
from shared.queries.execution_list import Filters
from shared.settings import Settings
from shared.web.answers import answer
from shared.web.database import commit, connection, db, release
from shared.web.guard import address, identity
from shared.web.live import hub_of
from shared.web.problems import ProblemError

blueprint = Blueprint("executions", __name__, url_prefix="/api/v1/executions")


@blueprint.get("")
@operation(Action.EXECUTION_READ, {200: schemas.ExecutionPage}, query=schemas.ListExecutions)
def index(query: schemas.ListExecutions) -> Response:
    """List executions, newest first."""
    filters = Filters(
        statuses=query.status,
        workflow_id=query.workflow_id,
        user_id=query.user_id,
        triggers=query.trigger,
        search=query.search,
        since=query.since,
        until=query.until,
    )
    items = execution_list.page(connection(), filters, viewer(), before=query.cursor, limit=query.limit)
    return answer({"items": items, "nextCursor": execution_list.cursor_of(items, query.limit)})


@blueprint.get("/<execution:execution_id>")
@operation(Action.EXECUTION_READ, {200: schemas.Execution}, waits=True)
def read(execution_id: UUID) -> Response:
    """Read an execution."""
    found = visible_execution(execution_id)
    seconds = wait_s()
    headers = {}
    if seconds:
        headers["Preference-Applied"] = f"wait={seconds}"
        found = found if found.terminal else wait_until_over(execution_id, viewer(), seconds) or found
    return answer(executions.detail(connection(), found), headers=headers)


@blueprint.get("/<execution:execution_id>/steps")
@operation(
    Action.EXECUTION_READ,
    {200: schemas.StepPage},
    query=schemas.ListSteps,
)
def list_steps(execution_id: UUID, query: schemas.ListSteps) -> Response:
    """List the steps of an execution.

    In the order of the definition, with those that were not reached. A page ends early at 8 MB of values.
    """
    found = visible_execution(execution_id)
    items, following = steps.page(connection(), found, after=query.cursor, limit=query.limit)
    show_urls(connection(), found, items, viewer(), _base_url())
    return answer({"items": items, "nextCursor": following})


@blueprint.get("/<execution:execution_id>/steps/<step_id>")
@operation(Action.EXECUTION_READ, {200: schemas.Step})
def read_step(execution_id: UUID, step_id: str) -> Response:
    """Read one step."""
    execution = visible_execution(execution_id)
    found = steps.one(connection(), execution, step_id)
    if found is None:
        raise NotFound("This execution has no such step.")
    show_urls(connection(), execution, [found], viewer(), _base_url())
    return answer(found)


def _base_url() -> str:
    settings: Settings = current_app.extensions["flowversal-settings"]
    return settings.base_url


@blueprint.get("/<execution:execution_id>/ai-usage")
@operation(Action.EXECUTION_READ, {200: ai.AiUsage}, query=ai.ListCalls)
def list_ai_usage(execution_id: UUID, query: ai.ListCalls) -> Response:
    """List the calls of models that an execution made, with their sums.

    By step; each call that was answered is there once, whatever became of its attempt.
    """
    visible_execution(execution_id)
    try:
        items, following = ai_usage.page(connection(), execution_id, after=query.cursor, limit=query.limit)
    except ValueError:
        raise ProblemError(422, "invalid-cursor", "Invalid cursor", "`cursor` is the nextCursor of a page.") from None
    return answer({"totals": ai_usage.totals(connection(), execution_id), "items": items, "nextCursor": following})


@blueprint.get("/<execution:execution_id>/logs")
@operation(
    Action.EXECUTION_READ,
    {200: schemas.LogPage},
    query=schemas.ListLogs,
)
def list_logs(execution_id: UUID, query: schemas.ListLogs) -> Response:
    """List the log lines of an execution, oldest first.

    `nextCursor` is always there once a line was answered: ask with it again for newer lines. Of an execution that ended
    less than 0.6 seconds ago the answer waits until its last lines are there.
    """
    execution = visible_execution(execution_id)
    after = logs.parse_cursor(connection(), execution_id, query.after) if query.after else logs.Cursor()
    if after is None:
        raise ProblemError(422, "invalid-cursor", "Invalid cursor", "`after` is a nextCursor or the id of a log line.")
    if execution.terminal:
        wait_for_last_lines(execution.completed_at)
    lines = logs.page(connection(), execution_id, after, query.limit)
    following = lines[-1][0] if lines else after
    shape = {"items": [line for _, line in lines], "nextCursor": str(following) if following != logs.Cursor() else None}
    return answer(shape)


@blueprint.get("/<execution:execution_id>/events")
@operation(
    Action.EXECUTION_READ,
    {
        200: "Server-sent events: `snapshot`, then `step`, `progress`, `log`, `delta` (text of a model as it grows), and `end`."
    },
)
def events(execution_id: UUID) -> Response:
    """Watch an execution live.

    Every connection begins with a snapshot; with Last-Event-ID the log goes on where it stopped.
    """
    visible_execution(execution_id)
    stream = EventStream(
        db.engine, hub_of(current_app), execution_id, viewer(), last_event_id=request.headers.get("Last-Event-ID")
    )
    release()
    headers = {"X-Accel-Buffering": "no", "Cache-Control": "no-store, no-transform"}
    return Response(stream, headers=headers, content_type="text/event-stream; charset=utf-8")


@blueprint.post("/<execution:execution_id>/cancel")
@operation(
    Action.EXECUTION_CANCEL,
    {200: schemas.Execution, 202: schemas.Execution, 409: ProblemAnswer},
    body=Nothing,
)
def cancel(execution_id: UUID) -> Response:
    """Cancel an execution.

    202 while it is being stopped, 200 when it is canceled, 409 when it has already ended otherwise.
    """
    visible_execution(execution_id)
    result = cancel_execution(connection(), execution_id)
    if result is CancelResult.NOT_FOUND:
        raise NotFound(NO_EXECUTION)
    if result is CancelResult.NOT_CANCELABLE:
        raise Conflict("This execution has already ended; there is nothing to cancel.")
    if result is not CancelResult.ALREADY_CANCELED:
        target = ids.encode(ids.EXECUTION, execution_id)
        audit.append(connection(), identity().user_id, "execution.cancel", target, address=address())
    commit()
    if result is CancelResult.CANCELED:
        EXECUTIONS_FINISHED.labels("canceled").inc()
    outbox().hint(execution_id)
    status = 202 if result is CancelResult.CANCELING else 200
    return answer(executions.detail(connection(), visible_execution(execution_id)), status)
