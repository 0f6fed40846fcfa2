"""The templates: what needs nothing runs as it stands, and what needs something says so."""

import pytest

from shared.domain.compiler import compile_definition
from shared.domain.errors import InvalidDefinition
from shared.nodes.catalogue import node_types
from shared.templates.catalogue import Template, templates

EVERY = pytest.mark.parametrize("template", templates().values(), ids=templates())


@EVERY
def test_it_says_what_it_is(template: Template) -> None:
    assert template.key
    assert len(template.title) <= 40
    assert template.about.endswith(".")
    assert all(need.endswith(".") for need in template.needs)


@EVERY
def test_it_compiles_but_for_what_must_be_chosen(template: Template) -> None:
    try:
        assert compile_definition(template.definition, node_types()).total_steps >= 3
    except InvalidDefinition as error:
        assert template.needs, error.problems
        assert {problem.path.rpartition(".")[2] for problem in error.problems} <= {"credential", "workflowId"}
