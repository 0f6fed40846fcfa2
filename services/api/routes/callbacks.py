"""The addresses of callbacks: public, each signed for one step, each for one call."""

from flask import Blueprint, current_app, request
from werkzeug.wrappers import Response

from services.api.callback_body import received_call
from services.api.callback_limits import callback_limits
from services.api.operation import Answers, operation
from services.api.publishing import outbox
from services.api.schemas.approvals import CallbackAccepted
from services.api.schemas.base import ProblemAnswer
from shared import ids
from shared.auth.access import Action
from shared.callbacks import step_of
from shared.db import audit
from shared.db.keys import callback_key
from shared.domain.errors import Conflict, NotFound
from shared.domain.outcome import Key
from shared.engine.callback import Received, receive_call
from shared.queries.shapes import step_id
from shared.settings import Settings
from shared.web.answers import answer, dumps
from shared.web.database import commit, connection
from shared.web.guard import address
from shared.web.problems import ProblemError

blueprint = Blueprint("callbacks", __name__, url_prefix="/hooks/callback")

_ANSWERS: Answers = {202: CallbackAccepted, **dict.fromkeys((404, 409, 410, 429), ProblemAnswer)}
_KEY = "flowversal-callback-key"
_UNKNOWN = "There is no such callback address. Use it exactly as it was given."


@blueprint.post("/<secret>")
@operation(Action.PUBLIC, _ANSWERS)
def receive(secret: str) -> Response:
    """Call a step that waits for a callback.

    The address is all that is needed, and takes one call: the next one is answered 409, and 410 once the step's time is
    over or its run has ended; 429 when it is called on and on. A body of JSON, a form or text becomes the step's output, with query and harmless headers.
    """
    return _receive(secret)


@blueprint.get("/<secret>")
@operation(Action.PUBLIC, _ANSWERS)
def follow(secret: str) -> Response:
    """Call a step that waits for a callback, by following a link.

    The same as a POST without a body. HEAD changes nothing.
    """
    return Response(status=204) if request.method == "HEAD" else _receive(secret)


def _receive(secret: str) -> Response:
    key = step_of(_signing_key(), secret)
    with callback_limits().watch(key, address()):
        if key is None:
            raise NotFound(_UNKNOWN)
        return _take(key)


def _signing_key() -> bytes:
    """Read once: whoever replaces it restarts the processes."""
    if _KEY not in current_app.extensions:
        current_app.extensions[_KEY] = callback_key(connection())
    return bytes(current_app.extensions[_KEY])


def _take(key: Key) -> Response:
    brought = dumps(received_call()).decode()
    settings: Settings = current_app.extensions["flowversal-settings"]
    call = receive_call(connection(), key, brought, republish_s=settings.republish_after_s)
    if call.received is Received.UNKNOWN:
        raise NotFound(_UNKNOWN)
    if call.received is Received.REPEATED:
        raise Conflict("This address was called already; it takes one call.")
    if call.received is Received.OVER:
        raise ProblemError(
            410, "gone", "Too late", "Nothing waits for this call any more: its run or its time is over."
        )
    target, detail = ids.encode(ids.EXECUTION, key[0]), {"step": step_id(key[1], key[2])}
    audit.append(connection(), None, "callback.receive", target, detail=detail, address=address())
    commit()
    if call.applied is not None:
        outbox().publish(call.applied.ready)
        outbox().hint(key[0])
    return answer({"status": "accepted"}, 202)
