"""Writing a workflow as JSON. The page only shows; it saves, validates and publishes through the API."""

import json
from typing import Any

from flask import Blueprint, render_template, request

from services.dashboard.starters import STARTERS
from services.dashboard.views.workflow import visible
from shared.auth.access import Action
from shared.queries import workflows
from shared.web.database import connection
from shared.web.guard import requires

blueprint = Blueprint("editor", __name__)


@blueprint.get("/workflows/new")
@requires(Action.WORKFLOW_WRITE)
def new() -> str:
    """An empty form with one of the starters in it."""
    starter = STARTERS.get(request.args.get("starter", ""), next(iter(STARTERS.values())))
    draft = {"name": "", "description": "", "definition": starter.definition}
    return _editor(draft)


@blueprint.get("/workflows/<workflow_id>/edit")
@requires(Action.WORKFLOW_WRITE)
def edit(workflow_id: str) -> str:
    """The draft of a workflow."""
    return _editor(workflows.detail(connection(), visible(workflow_id)))


def _editor(workflow: dict[str, Any]) -> str:
    text = json.dumps(workflow["definition"], indent=2, ensure_ascii=False)
    return render_template("editor.html", workflow=workflow, definition=text, starters=STARTERS)
