"""What workflows are built of: every node type with its help, parameters, examples and error codes."""

from flask import Blueprint, render_template

from services.dashboard.node_help import by_category, node_help
from shared.auth.access import Action
from shared.domain.errors import NotFound
from shared.nodes.catalogue import node_types
from shared.web.guard import requires

blueprint = Blueprint("nodes", __name__, url_prefix="/nodes")


@blueprint.get("")
@requires(Action.WORKFLOW_READ)
def page() -> str:
    """All types, by category."""
    return render_template("nodes.html", categories=by_category(node_types().values()))


@blueprint.get("/<type>")
@requires(Action.WORKFLOW_READ)
def one(type: str) -> str:
    """One type. Raises NotFound."""
    found = node_types().get(type)
    if found is None:
        raise NotFound("There is no such node type. The page of all nodes has those that are installed.")
    return render_template("node.html", node=node_help(found))
