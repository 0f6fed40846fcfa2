"""What failed for good, by cause: dead letters to inspect, redrive and dismiss. Whoever may see a run may see its letter."""

from flask import Blueprint, render_template, request

from services.dashboard.letters import groups_context, letters_context
from services.dashboard.listing import PERIOD_NAMES
from shared.auth.access import Action
from shared.web.guard import requires

blueprint = Blueprint("admin_errors", __name__, url_prefix="/admin/errors")


@blueprint.get("")
@requires(Action.EXECUTION_READ)
def page() -> str:
    """Causes, by filters in the URL."""
    return render_template("admin/errors.html", **groups_context(request.args), periods=PERIOD_NAMES)


@blueprint.get("/<fingerprint>")
@requires(Action.EXECUTION_READ)
def group(fingerprint: str) -> str:
    """The letters of one cause; `?letter=` is inspected, `?tab=` says what of it."""
    return render_template("admin/error_group.html", **letters_context(fingerprint, request.args))
