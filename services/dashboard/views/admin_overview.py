"""The admin's home: totals and what runs right now."""

from flask import Blueprint, render_template

from services.dashboard.frames import overview_context
from shared.auth.access import Action
from shared.web.guard import requires

blueprint = Blueprint("admin_overview", __name__, url_prefix="/admin")


@blueprint.get("")
@requires(Action.STATS_READ)
def page() -> str:
    """Totals, live."""
    return render_template("admin/overview.html", **overview_context())
