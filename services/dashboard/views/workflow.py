"""One workflow to read: its drawing, triggers, definition, versions, statistics and recent runs, live."""

from flask import Blueprint, render_template

from services.dashboard.budgeting import workflow_budgets
from services.dashboard.graph import drawing
from services.dashboard.one_workflow import needs_before, visible_workflow, workflow_context
from shared.auth.access import Action
from shared.db import versions
from shared.db.fires import MAX_BACKFILL
from shared.queries.shapes import ms
from shared.web.database import connection
from shared.web.guard import requires
from shared.web.named_credentials import named_in
from shared.web.validation import definition_problems

blueprint = Blueprint("workflow", __name__)

VERSIONS = 10
SHOWN_PROBLEMS = 8


@blueprint.get("/workflows/<workflow_id>")
@requires(Action.WORKFLOW_READ)
def page(workflow_id: str) -> str:
    """The draft as a drawing and as JSON, and what `workflow_context` has."""
    found = visible_workflow(workflow_id)
    return render_template(
        "workflow.html",
        **workflow_context(found),
        drawing=drawing(found.definition),
        problems=definition_problems(found.definition) + named_in(found).problems,
        needs=needs_before(found),
        shown_problems=SHOWN_PROBLEMS,
        budgets=workflow_budgets(found),
        max_backfill=MAX_BACKFILL,
        versions=[
            {"number": each.number, "author": each.author, "createdAt": ms(each.created_at)}
            for each in versions.page(connection(), found.id, None, VERSIONS)
        ],
    )
