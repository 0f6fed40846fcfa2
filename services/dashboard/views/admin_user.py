"""One user: what their runs used, and their budgets. For that user and admins."""

from flask import Blueprint, render_template

from services.dashboard.budgeting import user_budgets
from shared import ids
from shared.auth.access import Action
from shared.db import users
from shared.domain.errors import NotFound
from shared.queries.stats import user_stats
from shared.web.database import connection
from shared.web.guard import identity, requires

blueprint = Blueprint("admin_user", __name__, url_prefix="/admin/users")


@blueprint.get("/<user_id>")
@requires(Action.BUDGET_READ)
def page(user_id: str) -> str:
    """Totals and budgets; `me` is who is signed in. Raises NotFound, also for somebody whom this person may not see."""
    key = identity().user_id if user_id == "me" else ids.decode(ids.USER, user_id)
    budgets = None if key is None else user_budgets(key)
    found = None if key is None or budgets is None else users.get(connection(), key)
    if found is None:
        raise NotFound("There is no such user, or none that you may see.")
    about = {"name": found.name, "email": found.email, "role": found.role, "disabled": found.disabled_at is not None}
    stats = user_stats(connection(), [found.id])[found.id]
    return render_template("admin/user.html", user=about, stats=stats, budgets=budgets)
