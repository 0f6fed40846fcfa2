"""The compiler's verdict on a definition, off the event loop."""

from collections.abc import Mapping
from typing import Any

from services.api.access import viewer
from shared.auth.passwords import off_the_loop
from shared.db import workflows
from shared.domain.compiler import compile_definition
from shared.domain.errors import InvalidDefinition, Problem
from shared.domain.plan import Plan
from shared.nodes.catalogue import node_types
from shared.web.database import connection


def compile_or_raise(definition: Mapping[str, Any]) -> Plan:
    """The plan; raises InvalidDefinition with every problem."""
    return off_the_loop(lambda: compile_definition(definition, node_types()))


def check_failure_workflow(plan: Plan) -> None:
    """Raises InvalidDefinition if `settings.onFailure` names a workflow that the caller may not see."""
    if plan.on_failure is None:
        return
    eyes = viewer()
    if workflows.get(connection(), plan.on_failure, viewer=eyes.user_id, everything=eyes.everything) is None:
        text = "there is no workflow with this id that you may see: choose another, or leave it out"
        raise InvalidDefinition([Problem("settings.onFailure", text)])


def definition_problems(definition: Mapping[str, Any]) -> list[Problem]:
    """Everything that is wrong with the definition; empty when it can run."""
    try:
        compile_or_raise(definition)
    except InvalidDefinition as error:
        return error.problems
    return []
