"""What every way to accept an execution has in common: the version it runs, the word to workers and pages, the wait."""

from collections.abc import Callable
from typing import Any, Literal, NamedTuple
from uuid import UUID

import psycopg
from werkzeug.wrappers import Response

from services.api.access import viewer, visible_workflow
from services.api.calls import check_named_workflows
from services.api.idempotency import Created, create_once
from services.api.operation import Answers, operation
from services.api.preferences import wait_s, wait_until_over
from services.api.publishing import outbox
from services.api.schemas.base import Body, ProblemAnswer
from services.api.schemas.executions import Execution
from shared import ids
from shared.auth.access import Action
from shared.db import audit, versions
from shared.db.wire import wire_of
from shared.engine.runnable import Runnable, published
from shared.engine.start import Started
from shared.metrics import EXECUTIONS_STARTED
from shared.queries import executions
from shared.web.answers import dumps
from shared.web.database import borrowed, db
from shared.web.guard import address, identity
from shared.web.named_credentials import check_named_credentials
from shared.web.validation import compile_or_raise

Wanted = Literal["published", "draft"] | int
View = Callable[..., Response]


class Begun(NamedTuple):
    """An execution that was inserted: its record for the answer, and what the audit trail says beside its id."""

    started: Started
    record: dict[str, Any]
    detail: dict[str, Any]


def accepts(body: type[Body]) -> Callable[[View], View]:
    """Declare a view that begins an execution: 202, once for each Idempotency-Key, with `Prefer: wait=N`."""
    answers: Answers = {202: Execution, 409: ProblemAnswer, 422: ProblemAnswer}
    return operation(Action.EXECUTION_START, answers, body=body, creates=True, waits=True)


def accept(trigger: str, action: str, begin: Callable[[psycopg.Connection[Any]], Begun]) -> Response:
    """Insert an execution and the audit row `action` in one transaction, announce it after the commit, answer 202."""

    def insert(connection: psycopg.Connection[Any]) -> Created:
        begun = begin(connection)
        public = ids.encode(ids.EXECUTION, begun.started.id)
        line = audit.line(identity().user_id, action, public, detail=begun.detail, address=address())
        wire_of(connection).send(audit.APPEND, line)
        return Created(
            begun.record,
            f"/api/v1/executions/{public}",
            status=202,
            after_commit=lambda: announce(begun.started, trigger),
        )

    return waited(create_once(insert))


def chosen_version(connection: psycopg.Connection[Any], workflow_id: UUID, wanted: Wanted) -> Runnable:
    """The published version, one by its number, or the draft.

    Raises NotFound and Conflict where there is none or the workflow may not run, InvalidDefinition for a draft with
    problems.
    """
    if wanted == "draft":
        return _draft(connection, workflow_id)
    return published(connection, workflow_id, viewer(), wanted if isinstance(wanted, int) else None)


def _draft(connection: psycopg.Connection[Any], workflow_id: UUID) -> Runnable:
    """The draft as a version without a number; raises InvalidDefinition when it has problems."""
    workflow = visible_workflow(workflow_id)
    plan = compile_or_raise(workflow.definition)
    check_named_workflows(workflow_id, workflow.definition, plan)
    check_named_credentials(workflow)
    text = dumps(workflow.definition).decode()
    version_id = versions.ensure_draft(connection, workflow_id, text, identity().user_id)
    return Runnable(workflow.name, version_id, None)


def announce(started: Started, trigger: str) -> None:
    """After the commit: count it, publish its steps, hint at it."""
    EXECUTIONS_STARTED.labels(trigger).inc()
    outbox().publish(started.ready)
    outbox().hint(started.id)


def waited(response: Response) -> Response:
    """The same answer; with `Prefer: wait=N`, with the record as it is when the execution is over, or after N seconds."""
    seconds = wait_s()
    if not seconds:
        return response
    execution_id = ids.decode(ids.EXECUTION, response.headers["Location"].rpartition("/")[2])
    assert execution_id is not None  # noqa: S101 - the answer is ours
    eyes, engine = viewer(), db.engine
    row = wait_until_over(execution_id, eyes, seconds)
    if row is not None:
        with borrowed(engine) as connection:
            response.set_data(dumps(executions.detail(connection, row)))
    response.headers["Preference-Applied"] = f"wait={seconds}"
    return response
