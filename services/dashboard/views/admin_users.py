"""Everybody with what they used. For admins."""

from flask import Blueprint, render_template, request

from services.dashboard.context import viewer
from shared import ids
from shared.auth.access import Action
from shared.queries import users
from shared.web.database import connection
from shared.web.guard import requires

blueprint = Blueprint("admin_users", __name__, url_prefix="/admin")

PAGE_SIZE = 100


@blueprint.get("/users")
@requires(Action.USER_READ)
def page() -> str:
    """Role and usage, newest first."""
    before = ids.decode(ids.USER, request.args.get("before", ""))
    found = users.page(connection(), viewer(), before=before, limit=PAGE_SIZE)
    older = found[-1]["id"] if len(found) == PAGE_SIZE else None
    return render_template("admin/users.html", users=found, older=older, paged=before is not None)
