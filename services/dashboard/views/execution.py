"""One execution: what happened, step by step, live."""

from flask import Blueprint, render_template, request

from services.dashboard.filters import now_ms
from services.dashboard.frames import SETTLE_MS, execution_context
from shared import ids
from shared.auth.access import Action
from shared.domain.errors import NotFound
from shared.web.guard import requires

blueprint = Blueprint("execution", __name__)


@blueprint.get("/executions/<execution_id>")
@requires(Action.EXECUTION_READ)
def page(execution_id: str) -> str:
    """Banner, timeline, the opened step (`?step=&tab=`) and the end of the log (`?level=`)."""
    key = ids.decode(ids.EXECUTION, execution_id)
    if key is None:
        raise NotFound("There is no such execution.")
    context = execution_context(key, request.args)
    ended = context["execution"]["completedAt"]
    return render_template("execution.html", **context, live=ended is None or now_ms() - ended <= SETTLE_MS)
