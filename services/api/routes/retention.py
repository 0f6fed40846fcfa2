"""Retention: what would go, and what went."""

from flask import Blueprint, current_app
from werkzeug.wrappers import Response

from services.api.operation import operation
from services.api.schemas import retention as schemas
from shared.auth.access import Action
from shared.queries.retention import dry_run
from shared.settings import Settings
from shared.web.answers import answer
from shared.web.database import connection

blueprint = Blueprint("retention", __name__, url_prefix="/api/v1")


@blueprint.get("/retention")
@operation(Action.SYSTEM_READ, {200: schemas.Retention}, query=schemas.ShowRetention)
def read(query: schemas.ShowRetention) -> Response:
    """Show what retention would remove now, and what it has removed.

    A dry run: nothing is changed. It reads every week that holds something past its time.
    """
    settings: Settings = current_app.extensions["flowversal-settings"]
    days = settings.retention_days if query.days is None else query.days
    return answer({"instanceDays": settings.retention_days} | dry_run(connection(), days))
