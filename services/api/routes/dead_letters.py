"""Dead letters: list, group, read, dismiss; and the messages that no worker could read."""

from uuid import UUID

from flask import Blueprint
from werkzeug.wrappers import Response

from services.api.access import NO_LETTER, viewer, visible_letter
from services.api.operation import operation
from services.api.publishing import outbox
from services.api.schemas import dead_letters as schemas
from services.api.schemas.base import Nothing, ProblemAnswer
from shared import ids
from shared.auth.access import Action
from shared.db import audit, letters
from shared.domain.errors import Conflict, NotFound
from shared.queries import dead_letters, dead_messages
from shared.queries.dead_letters import Filters
from shared.web.answers import answer
from shared.web.database import commit, connection
from shared.web.guard import address, identity

blueprint = Blueprint("dead_letters", __name__, url_prefix="/api/v1/dead-letters")


@blueprint.get("")
@operation(Action.EXECUTION_READ, {200: schemas.DeadLetterPage}, query=schemas.ListLetters)
def index(query: schemas.ListLetters) -> Response:
    """List dead letters, newest first.

    One for each run that failed, about half a second after it did.
    """
    items = dead_letters.page(connection(), _filters(query), viewer(), before=query.cursor, limit=query.limit)
    return answer({"items": items, "nextCursor": items[-1]["id"] if len(items) == query.limit else None})


@blueprint.get("/groups")
@operation(Action.EXECUTION_READ, {200: schemas.GroupPage}, query=schemas.ListLetters)
def groups(query: schemas.ListLetters) -> Response:
    """Group dead letters by fingerprint: workflow, node, code, and the message without numbers, ids and quotes."""
    found = dead_letters.groups(connection(), _filters(query), viewer(), before=query.cursor, limit=query.limit)
    following = ids.encode(ids.LETTER, found[-1][0]) if len(found) == query.limit else None
    return answer({"items": [group for _, group in found], "nextCursor": following})


@blueprint.get("/messages")
@operation(Action.SYSTEM_READ, {200: schemas.DeadMessagePage}, query=schemas.ListMessages)
def messages(query: schemas.ListMessages) -> Response:
    """List messages that no worker could read, newest first.

    Nothing is lost with one: a step whose message was unreadable is published again.
    """
    items = dead_messages.page(connection(), before=query.cursor, limit=query.limit)
    return answer({"items": items, "nextCursor": items[-1]["id"] if len(items) == query.limit else None})


@blueprint.get("/<letter:letter_id>")
@operation(Action.EXECUTION_READ, {200: schemas.DeadLetterDetail})
def read(letter_id: UUID) -> Response:
    """Read a dead letter with its execution and the step that failed."""
    return answer(dead_letters.detail(connection(), visible_letter(letter_id), viewer()))


@blueprint.post("/<letter:letter_id>/dismiss")
@operation(Action.EXECUTION_START, {200: schemas.DeadLetter, 409: ProblemAnswer}, body=Nothing)
def dismiss(letter_id: UUID) -> Response:
    """Dismiss a dead letter: nothing will be done about it. A second time changes nothing."""
    letter = visible_letter(letter_id)
    (held,) = letters.lock(connection(), [letter_id]) or (None,)
    if held is None:
        raise NotFound(NO_LETTER)
    if held.redriven_as is not None:
        raise Conflict("This dead letter was redriven already; there is nothing to dismiss.")
    if held.state != "open":
        return answer(dead_letters.shape(letter))
    letters.close(connection(), letter_id, "dismissed", identity().user_id)
    audit.append(
        connection(), identity().user_id, "dead_letter.dismiss", ids.encode(ids.LETTER, letter_id), address=address()
    )
    changed = dead_letters.shape(visible_letter(letter_id))
    commit()
    outbox().hint(held.execution_id)
    return answer(changed)


def _filters(query: schemas.ListLetters) -> Filters:
    return Filters(
        workflow_id=query.workflow_id,
        code=query.code,
        fingerprint=query.fingerprint,
        state=query.state,
        since=query.since,
        until=query.until,
    )
