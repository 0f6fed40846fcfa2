"""The executions that the signed-in person started."""

from flask import Blueprint, render_template, request

from services.dashboard.frames import executions_context
from services.dashboard.listing import PERIOD_NAMES, STATUSES, TRIGGERS, listing_of
from shared.auth.access import Action
from shared.web.guard import requires

blueprint = Blueprint("executions", __name__)


@blueprint.get("/executions")
@requires(Action.EXECUTION_READ)
def page() -> str:
    """Newest first, by filters in the URL."""
    context = executions_context(listing_of(request.args), own=True)
    return render_template("executions.html", **context, statuses=STATUSES, triggers=TRIGGERS, periods=PERIOD_NAMES)
