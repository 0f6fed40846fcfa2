"""Every workflow with its statistics."""

from flask import Blueprint, render_template, request

from services.dashboard.frames import search_of, workflows_context
from shared.auth.access import Action
from shared.web.guard import requires

blueprint = Blueprint("admin_workflows", __name__, url_prefix="/admin")


@blueprint.get("/workflows")
@requires(Action.WORKFLOW_READ)
def page() -> str:
    """Runs, success rate, average and last run of each."""
    return render_template("admin/workflows.html", **workflows_context(search_of(request.args)))
