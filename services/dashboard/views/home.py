"""The start page is the list of workflows."""

from flask import Blueprint, redirect, url_for
from werkzeug.wrappers import Response

from shared.auth.access import Action
from shared.web.guard import requires

blueprint = Blueprint("home", __name__)


@blueprint.get("/")
@requires(Action.WORKFLOW_READ)
def start() -> Response:
    """On to the workflows."""
    return redirect(url_for("workflows.page"))
