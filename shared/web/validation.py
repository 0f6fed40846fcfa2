"""The compiler's verdict on a definition, off the event loop."""

from collections.abc import Mapping
from typing import Any

from shared.auth.passwords import off_the_loop
from shared.domain.compiler import compile_definition
from shared.domain.errors import InvalidDefinition, Problem
from shared.domain.plan import Plan
from shared.nodes.catalogue import node_types


def compile_or_raise(definition: Mapping[str, Any]) -> Plan:
    """The plan; raises InvalidDefinition with every problem."""
    return off_the_loop(lambda: compile_definition(definition, node_types()))


def definition_problems(definition: Mapping[str, Any]) -> list[Problem]:
    """Everything that is wrong with the definition; empty when it can run."""
    try:
        compile_or_raise(definition)
    except InvalidDefinition as error:
        return error.problems
    return []
