"""Redriving dead letters: what failed runs again, once for each letter."""

from typing import Any
from uuid import UUID

import psycopg
from flask import Blueprint, current_app
from werkzeug.wrappers import Response

from services.api.access import viewer, visible_letter
from services.api.idempotency import Created, create_once
from services.api.operation import operation
from services.api.publishing import outbox
from services.api.schemas import dead_letters as schemas
from services.api.schemas.base import ProblemAnswer
from shared import ids
from shared.auth.access import Action
from shared.db import audit
from shared.engine.redrive import Redriven, redrive, redrive_all
from shared.engine.start import Started
from shared.metrics import EXECUTIONS_STARTED
from shared.queries import dead_letters
from shared.queries.dead_letters import Filters
from shared.settings import Settings
from shared.web.database import connection
from shared.web.guard import address, identity

blueprint = Blueprint("redriving", __name__, url_prefix="/api/v1/dead-letters")


@blueprint.post("/<letter:letter_id>/redrive")
@operation(
    Action.EXECUTION_START,
    {202: schemas.DeadLetter, 409: ProblemAnswer, 422: ProblemAnswer},
    body=schemas.Redrive,
    creates=True,
)
def redrive_one(letter_id: UUID, body: schemas.Redrive) -> Response:
    """Redrive a dead letter.

    Its run is done again by a new execution, which `redrivenAs` and Location name. 409 when it was redriven already,
    also by a retry by hand.
    """

    def run(connection: psycopg.Connection[Any]) -> Created:
        letter = visible_letter(letter_id)
        started = redrive(
            connection,
            letter_id,
            letter.execution_id,
            viewer=viewer(),
            version=body.version,
            republish_s=_republish_s(),
        )
        _audit_redrive(letter_id, started)
        location = f"/api/v1/executions/{ids.encode(ids.EXECUTION, started.id)}"
        shape = dead_letters.shape(visible_letter(letter_id))
        return Created(shape, location, status=202, after_commit=lambda: _accepted([started]))

    return create_once(run)


@blueprint.post("/redrive")
@operation(
    Action.EXECUTION_START, {202: schemas.Redriven, 422: ProblemAnswer}, body=schemas.RedriveLetters, creates=True
)
def redrive_many(body: schemas.RedriveLetters) -> Response:
    """Redrive open dead letters by filter, the oldest first.

    At most `limit` in one call; go on with `cursor` while `remaining` is above 0. Those of workflows that cannot run are
    left open, and named.
    """

    def run(connection: psycopg.Connection[Any]) -> Created:
        # What is redriven now may fail before the next call: it must not be taken again and again.
        until = dead_letters.now_ms(connection) if body.cursor is None else body.cursor.until
        filters, after = open_before(body.filter, until), body.cursor.letter_id if body.cursor is not None else None
        found = dead_letters.following(connection, filters, viewer(), after=after, limit=body.limit)
        done = redrive_all(connection, found, viewer=viewer(), version=body.version, republish_s=_republish_s())
        for letter_id, started in done.started.items():
            _audit_redrive(letter_id, started)
        left = dead_letters.behind(connection, filters, viewer(), found[-1][0]) if found else 0
        following = str(schemas.Behind(found[-1][0], until)) if left else None
        return Created(
            _redriven(done) | {"remaining": left, "nextCursor": following},
            "/api/v1/executions?trigger=retry",
            status=202,
            after_commit=lambda: _accepted(list(done.started.values())),
        )

    return create_once(run)


def open_before(wanted: schemas.OpenLetters, until: int) -> Filters:
    """The open letters of a filter whose runs had failed before `until` (ms since the epoch)."""
    return Filters(
        workflow_id=wanted.workflow_id,
        code=wanted.code,
        fingerprint=wanted.fingerprint,
        state="open",
        since=wanted.since,
        until=until if wanted.until is None else min(until, wanted.until),
    )


def _redriven(done: Redriven) -> dict[str, Any]:
    return {
        "redriven": len(done.started),
        "refused": [{"id": ids.encode(ids.LETTER, id), "reason": reason} for id, reason in done.refused.items()],
        "executionIds": [ids.encode(ids.EXECUTION, started.id) for started in done.started.values()],
    }


def _audit_redrive(letter_id: UUID, started: Started) -> None:
    detail = {"execution": ids.encode(ids.EXECUTION, started.id)}
    target = ids.encode(ids.LETTER, letter_id)
    audit.append(connection(), identity().user_id, "dead_letter.redrive", target, detail=detail, address=address())


def _accepted(started: list[Started]) -> None:
    """After the commit: count, publish, and hint at each execution."""
    EXECUTIONS_STARTED.labels("retry").inc(len(started))
    outbox().publish([ref for each in started for ref in each.ready])
    for each in started:
        outbox().hint(each.id)


def _republish_s() -> float:
    settings: Settings = current_app.extensions["flowversal-settings"]
    return settings.republish_after_s
