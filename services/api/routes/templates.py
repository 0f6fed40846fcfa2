"""Workflows to begin with."""

from dataclasses import asdict

from flask import Blueprint
from werkzeug.wrappers import Response

from services.api.operation import operation
from services.api.schemas.base import ProblemAnswer
from services.api.schemas.templates import Template, TemplatePage
from shared.auth.access import Action
from shared.domain.errors import NotFound
from shared.templates.catalogue import templates
from shared.web.answers import answer

blueprint = Blueprint("templates", __name__, url_prefix="/api/v1/templates")


@blueprint.get("")
@operation(Action.WORKFLOW_READ, {200: TemplatePage})
def index() -> Response:
    """List the templates.

    Each has a definition to create a workflow with, and says what must be chosen before it runs.
    """
    return answer({"items": [asdict(template) for template in templates().values()], "nextCursor": None})


@blueprint.get("/<key>")
@operation(Action.WORKFLOW_READ, {200: Template, 404: ProblemAnswer})
def read(key: str) -> Response:
    """Read a template."""
    found = templates().get(key)
    if found is None:
        raise NotFound("There is no such template: list them with GET /templates.")
    return answer(asdict(found))
