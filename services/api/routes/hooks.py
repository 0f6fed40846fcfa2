"""The addresses of webhooks: public, each of one trigger of a published workflow."""

from flask import Blueprint, request
from werkzeug.wrappers import Response

from services.api.hooks.receive import receive
from services.api.operation import Answers, operation
from services.api.schemas.base import ProblemAnswer
from services.api.schemas.deliveries import WebhookAccepted
from shared.auth.access import Action
from shared.domain.triggers.webhook import METHODS

blueprint = Blueprint("hooks", __name__, url_prefix="/hooks")

_ANSWERS: Answers = {
    200: "What the run answers, where the trigger waits for it; any status and type.",
    202: WebhookAccepted,
    **dict.fromkeys((400, 401, 404, 405, 408, 409, 413, 415, 422, 429, 502, 503), ProblemAnswer),
}


@operation(Action.PUBLIC, _ANSWERS)
def call(path: str) -> Response:
    """Call a webhook.

    Starts the workflow whose published version has a trigger with this path. Who may call, how large a body may be and
    whether the run answers is what the trigger says. A repeated `Idempotency-Key`, or delivery id of the sender, gets the
    same answer for 24 hours and starts nothing. HEAD changes nothing.
    """
    return Response(status=204) if request.method == "HEAD" else receive(path.rstrip("/"))


for _method in METHODS:
    blueprint.add_url_rule("/<path:path>", _method.lower(), call, methods=[_method])
