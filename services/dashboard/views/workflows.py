"""The workflows a person can see, with Run buttons."""

from flask import Blueprint, render_template, request

from services.dashboard.frames import search_of, workflows_context
from shared.auth.access import Action
from shared.web.guard import requires

blueprint = Blueprint("workflows", __name__)


@blueprint.get("/workflows")
@requires(Action.WORKFLOW_READ)
def page() -> str:
    """Own and shared workflows, newest first."""
    return render_template("workflows.html", **workflows_context(search_of(request.args)))
