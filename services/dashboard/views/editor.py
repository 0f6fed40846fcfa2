"""Writing a workflow as JSON. The page only shows; it saves, validates and publishes through the API."""

import json
from collections.abc import Sequence
from typing import Any

from flask import Blueprint, render_template, request

from services.dashboard.node_help import example_node
from services.dashboard.one_workflow import needs_before, visible_workflow
from services.dashboard.vaulted import choice_context
from shared.auth.access import Action
from shared.nodes.catalogue import node_types
from shared.queries import workflows
from shared.templates.catalogue import Template, templates
from shared.web.database import connection
from shared.web.guard import requires

blueprint = Blueprint("editor", __name__)
_MAX_NAME = 100


@blueprint.get("/workflows/new")
@requires(Action.WORKFLOW_WRITE)
def new() -> str | tuple[str, int]:
    """A form with one of the templates in it; one that was chosen brings its title. The list for one that is not there."""
    known = templates()
    asked = request.args.get("template", "")
    chosen = known.get(asked)
    if asked and chosen is None:
        return render_template("no_template.html", asked=asked[:_MAX_NAME], templates=known.values()), 404
    template = chosen or next(iter(known.values()))
    about = {"name": chosen.title, "description": chosen.about} if chosen else {"name": "", "description": ""}
    return _editor(about | {"definition": template.definition}, template)


@blueprint.get("/workflows/<workflow_id>/edit")
@requires(Action.WORKFLOW_WRITE)
def edit(workflow_id: str) -> str:
    """The draft of a workflow."""
    found = visible_workflow(workflow_id)
    return _editor(workflows.detail(connection(), found), needs=needs_before(found))


def _editor(workflow: dict[str, Any], template: Template | None = None, needs: Sequence[str] = ()) -> str:
    text = json.dumps(workflow["definition"], indent=2, ensure_ascii=False)
    return render_template(
        "editor.html",
        workflow=workflow,
        definition=text,
        template=template,
        needs=needs if template is None else template.needs,
        templates=templates().values(),
        nodes=[{"kind": each, "example": json.dumps(example_node(each))} for each in node_types().values()],
        **choice_context(),
    )
