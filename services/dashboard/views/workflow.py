"""One workflow to read: its drawing, triggers, definition, versions, statistics and recent runs."""

from uuid import UUID

from flask import Blueprint, render_template

from services.dashboard.budgeting import workflow_budgets
from services.dashboard.context import viewer
from services.dashboard.graph import drawing
from services.dashboard.starting import triggers_of
from shared import ids
from shared.auth.access import Action
from shared.db import versions
from shared.db.workflows import Workflow, get
from shared.domain.errors import NotFound
from shared.queries import execution_list, workflows
from shared.queries.execution_list import Filters
from shared.queries.shapes import ms
from shared.web.database import connection
from shared.web.guard import requires
from shared.web.validation import definition_problems

blueprint = Blueprint("workflow", __name__)

RECENT = 8
VERSIONS = 10
SHOWN_PROBLEMS = 8


@blueprint.get("/workflows/<workflow_id>")
@requires(Action.WORKFLOW_READ)
def page(workflow_id: str) -> str:
    """The draft as a drawing and as JSON."""
    found = visible(workflow_id)
    recent = execution_list.page(connection(), Filters(workflow_id=found.id), viewer(), before=None, limit=RECENT)
    return render_template(
        "workflow.html",
        workflow=workflows.detail(connection(), found),
        drawing=drawing(found.definition),
        problems=definition_problems(found.definition),
        shown_problems=SHOWN_PROBLEMS,
        recent=recent,
        triggers=triggers_of(found),
        budgets=workflow_budgets(found),
        versions=[
            {"number": each.number, "author": each.author, "createdAt": ms(each.created_at)}
            for each in versions.page(connection(), found.id, None, VERSIONS)
        ],
    )


def visible(workflow_id: str) -> Workflow:
    """The workflow with this API id. Raises NotFound, also for one that this person may not see."""
    key: UUID | None = ids.decode(ids.WORKFLOW, workflow_id)
    me = viewer()
    found = get(connection(), key, viewer=me.user_id, everything=me.everything) if key is not None else None
    if found is None:
        raise NotFound("There is no such workflow, or you may not see it.")
    return found
