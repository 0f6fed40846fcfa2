"""The executions that the signed-in person started."""

from flask import Blueprint, request

from services.dashboard.frames import executions_page
from shared.auth.access import Action
from shared.web.guard import requires

blueprint = Blueprint("executions", __name__)


@blueprint.get("/executions")
@requires(Action.EXECUTION_READ)
def page() -> str:
    """Newest first, by filters in the URL."""
    return executions_page(request.args, own=True)
