"""The compiler's verdict on a definition, off the event loop."""

from collections.abc import Mapping
from typing import Any

from services.api.access import viewer
from shared import ids
from shared.auth.passwords import off_the_loop
from shared.db import workflows
from shared.domain.compiler import compile_definition
from shared.domain.errors import InvalidDefinition, Problem
from shared.domain.plan import Plan
from shared.nodes.catalogue import node_types
from shared.nodes.workflow_run import TYPE as CALL
from shared.web.database import connection


def compile_or_raise(definition: Mapping[str, Any]) -> Plan:
    """The plan; raises InvalidDefinition with every problem."""
    return off_the_loop(lambda: compile_definition(definition, node_types()))


def check_other_workflows(definition: Mapping[str, Any], plan: Plan) -> None:
    """Raises InvalidDefinition if the definition, which compiles, names workflows that the caller may not see.

    Those that follow a failure, and those that nodes run; what an expression gives is known when it runs.
    """
    named = [] if plan.on_failure is None else [("settings.onFailure", plan.on_failure)]
    for at, container in enumerate(definition["containers"]):
        for place, node in enumerate(container.get("nodes") or ()):
            id = (
                ids.decode(ids.WORKFLOW, str((node.get("params") or {}).get("workflowId")))
                if node["type"] == CALL
                else None
            )
            if id is not None:
                named.append((f"containers[{at}].nodes[{place}].params.workflowId", id))
    eyes = viewer()
    unseen = [
        Problem(path, "there is no workflow with this id that you may see: choose another")
        for path, id in named
        if workflows.get(connection(), id, viewer=eyes.user_id, everything=eyes.everything) is None
    ]
    if unseen:
        raise InvalidDefinition(unseen)


def definition_problems(definition: Mapping[str, Any]) -> list[Problem]:
    """Everything that is wrong with the definition; empty when it can run."""
    try:
        compile_or_raise(definition)
    except InvalidDefinition as error:
        return error.problems
    return []
