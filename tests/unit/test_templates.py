"""The templates: what needs nothing runs as it stands, and what needs something says so."""

from copy import deepcopy
from typing import Any

import pytest

from shared.domain.compiler import compile_definition
from shared.domain.errors import InvalidDefinition
from shared.nodes.catalogue import node_types
from shared.templates.catalogue import Template, needs_of, templates

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


@EVERY
def test_what_a_workflow_needs_is_known_by_its_steps(template: Template) -> None:
    draft = deepcopy(template.definition)
    nodes = draft["containers"][0]["nodes"]
    nodes[0]["params"] = {"mine": 1}
    nodes.append({"id": "more", "type": "fail"})
    assert needs_of(draft) == template.needs
    nodes.pop(0)
    assert needs_of(draft) == ()


@pytest.mark.parametrize("draft", [None, [], {}, {"containers": 1}, {"containers": [1, {"nodes": [2, {}]}]}])
def test_what_is_no_template_needs_nothing(draft: Any) -> None:
    assert needs_of(draft) == ()
