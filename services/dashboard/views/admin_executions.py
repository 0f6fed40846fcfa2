"""Everybody's executions, as far as the role sees them, with the live indicator on top."""

from flask import Blueprint, request

from services.dashboard.frames import executions_page
from shared.auth.access import Action
from shared.web.guard import requires

blueprint = Blueprint("admin_executions", __name__, url_prefix="/admin")


@blueprint.get("/executions")
@requires(Action.EXECUTION_READ)
def page() -> str:
    """Newest first, by filters in the URL."""
    return executions_page(request.args, own=False)
