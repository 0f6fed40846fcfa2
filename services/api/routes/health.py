"""Alive, and ready. Both at the root, not under the base path."""

from flask import Blueprint, current_app
from werkzeug.wrappers import Response

from services.api.health import check
from services.api.operation import operation
from services.api.schemas.people import Health, Ready
from shared.auth.access import Action
from shared.web.answers import answer

blueprint = Blueprint("health", __name__)


@blueprint.get("/healthz")
@operation(Action.PUBLIC, {200: Health})
def healthz() -> Response:
    """Alive."""
    return answer({"status": "ok"})


@blueprint.get("/readyz")
@operation(
    Action.PUBLIC,
    {200: Ready, 503: Ready},
)
def readyz() -> Response:
    """Ready: the database answers and has the newest schema.

    Broker and Redis are reported, not required.
    """
    found = check(current_app.extensions["flowversal-settings"])
    ready = found["database"] == "ok"
    shape = {"status": "ready" if ready else "unavailable", **found}
    return answer(shape, 200 if ready else 503, {} if ready else {"Retry-After": "2"})
