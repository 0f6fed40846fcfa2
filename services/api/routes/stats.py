"""Totals, exact at any moment, from the roll-ups and what is not folded into them yet."""

from flask import Blueprint
from werkzeug.wrappers import Response

from services.api.access import viewer
from services.api.operation import operation
from services.api.schemas import people as schemas
from shared.auth.access import Action
from shared.queries import running, stats, workflows
from shared.queries import users as people
from shared.web.answers import answer
from shared.web.database import connection

blueprint = Blueprint("stats", __name__, url_prefix="/api/v1/stats")


@blueprint.get("/overview")
@operation(
    Action.STATS_READ,
    {200: schemas.Overview},
)
def overview() -> Response:
    """Totals.

    Of all executions for admins, else of your own.
    """
    eyes = viewer()
    if eyes.everything:
        return answer(stats.overview(connection()))
    own = stats.user_stats(connection(), [eyes.user_id])[eyes.user_id]
    return answer({"totalExecutions": own.pop("executions"), **own, "running": running.count(connection(), eyes)})


@blueprint.get("/workflows")
@operation(
    Action.STATS_READ,
    {200: schemas.WorkflowStatsPage},
    query=schemas.ListWorkflowStats,
)
def by_workflow(query: schemas.ListWorkflowStats) -> Response:
    """Statistics per workflow, newest first."""
    found = workflows.page(connection(), viewer(), search=None, before=query.cursor, limit=query.limit)
    items = [{"workflowId": each["id"], "workflowName": each["name"], "stats": each["stats"]} for each in found]
    return answer({"items": items, "nextCursor": items[-1]["workflowId"] if len(items) == query.limit else None})


@blueprint.get("/users")
@operation(
    Action.STATS_READ,
    {200: schemas.UserStatsPage},
    query=schemas.ListUserStats,
)
def by_user(query: schemas.ListUserStats) -> Response:
    """Statistics per user, newest first.

    Of every user for admins, else of yourself.
    """
    items = people.page(connection(), viewer(), before=query.cursor, limit=query.limit)
    return answer({"items": items, "nextCursor": items[-1]["id"] if len(items) == query.limit else None})
