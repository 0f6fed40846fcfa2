"""What waits for the signed-in person's decision. Decisions go through the API."""

from flask import Blueprint, render_template, request

from services.dashboard.asked import asked_context
from shared.auth.access import Action
from shared.web.guard import requires

blueprint = Blueprint("approvals", __name__)


@blueprint.get("/approvals")
@requires(Action.APPROVAL_READ)
def page() -> str:
    """Newest first; each is decided right there."""
    return render_template("approvals.html", **asked_context(request.args))
