"""Everybody's executions, as far as the role sees them, with the live indicator on top."""

from flask import Blueprint, render_template, request

from services.dashboard.frames import executions_context
from services.dashboard.listing import PERIOD_NAMES, STATUSES, TRIGGERS, listing_of
from shared.auth.access import Action
from shared.web.guard import requires

blueprint = Blueprint("admin_executions", __name__, url_prefix="/admin")


@blueprint.get("/executions")
@requires(Action.EXECUTION_READ)
def page() -> str:
    """Newest first, by filters in the URL."""
    context = executions_context(listing_of(request.args), own=False)
    return render_template("executions.html", **context, statuses=STATUSES, triggers=TRIGGERS, periods=PERIOD_NAMES)
