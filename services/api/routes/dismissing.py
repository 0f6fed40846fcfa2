"""Dismissing dead letters by filter: nothing will be done about them."""

from flask import Blueprint
from werkzeug.wrappers import Response

from services.api.access import viewer
from services.api.operation import operation
from services.api.publishing import outbox
from services.api.routes.redriving import open_before
from services.api.schemas import dead_letters as schemas
from services.api.schemas.base import ProblemAnswer
from shared import ids
from shared.auth.access import Action
from shared.db import audit, letters
from shared.queries import dead_letters
from shared.web.answers import answer
from shared.web.database import commit, connection
from shared.web.guard import address, identity

blueprint = Blueprint("dismissing", __name__, url_prefix="/api/v1/dead-letters")


@blueprint.post("/dismiss")
@operation(Action.EXECUTION_START, {200: schemas.Dismissed, 422: ProblemAnswer}, body=schemas.ActOnLetters)
def dismiss_many(body: schemas.ActOnLetters) -> Response:
    """Dismiss open dead letters by filter, the oldest first.

    At most `limit` in one call; go on with `cursor` while `remaining` is above 0.
    """
    until = dead_letters.now_ms(connection()) if body.cursor is None else body.cursor.until
    filters, after = open_before(body.filter, until), body.cursor.letter_id if body.cursor is not None else None
    found = dead_letters.following(connection(), filters, viewer(), after=after, limit=body.limit)
    held = letters.lock(connection(), [letter_id for letter_id, _ in found])
    closed = [letter for letter in held if letter.state == "open"]
    for letter in closed:
        letters.close(connection(), letter.id, "dismissed", identity().user_id)
        target = ids.encode(ids.LETTER, letter.id)
        audit.append(connection(), identity().user_id, "dead_letter.dismiss", target, address=address())
    left = dead_letters.behind(connection(), filters, viewer(), found[-1][0]) if found else 0
    following = str(schemas.Behind(found[-1][0], until)) if left else None
    commit()
    if closed:
        outbox().hint(closed[0].execution_id)
    return answer({"dismissed": len(closed), "remaining": left, "nextCursor": following})
