"""What every node type keeps to; a new one is tested by being there."""

import re

import pytest

from shared.domain.compiler import compile_definition
from shared.domain.fields import IDENTIFIER
from shared.domain.plan import ERROR_PORT
from shared.nodes.base import NodeType
from shared.nodes.catalogue import node_types
from tests.factories import definition, node

TYPES = pytest.mark.parametrize("node_type", node_types().values(), ids=node_types())
KNOWN = {
    "approval",
    "branch",
    "db.query",
    "delay",
    "email.send",
    "fail",
    "http.request",
    "notify",
    "simulate",
    "transform",
    "wait.callback",
    "webhook.respond",
    "webhook.call",
    "workflow.run",
}


def test_the_first_node_types_are_found() -> None:
    assert set(node_types()) >= KNOWN
    assert list(node_types()) == sorted(node_types())


@TYPES
def test_it_is_documented(node_type: NodeType) -> None:
    assert re.fullmatch(r"[a-z]+(\.[a-z]+)*", node_type.type)
    assert all(len(text) >= 3 for text in (node_type.label, node_type.icon))
    assert node_type.help.endswith(".")
    assert type(node_type).__doc__
    assert node_type.category in {"trigger", "action", "logic", "ai", "data"}
    assert node_type.pool in {"default", "ai", "code"}


@TYPES
def test_its_parameters_are_described_in_the_words_of_the_definition(node_type: NodeType) -> None:
    schema = node_type.params.model_json_schema()
    assert schema["additionalProperties"] is False
    for name, part in schema["properties"].items():
        assert re.fullmatch(r"[a-z]+([A-Z][a-z]+)*", name)
        assert part.get("description"), name


@TYPES
def test_its_example_compiles_and_its_parameters_parse(node_type: NodeType) -> None:
    plan = compile_definition(definition(node("a", node_type.type, node_type.example)), node_types())
    values = plan.nodes["a"].params.evaluate({"input": {}})
    assert isinstance(node_type.parse(values), node_type.params)


@TYPES
def test_its_error_codes_have_sentences(node_type: NodeType) -> None:
    for code, sentence in node_type.error_codes.items():
        assert re.fullmatch(r"[A-Z][A-Z0-9_]*|<code>", code)
        assert sentence.endswith(".")


@TYPES
def test_its_ports_are_stable_names(node_type: NodeType) -> None:
    ports = node_type.ports(node_type.example)
    assert ports == node_type.ports(node_type.example)
    assert len(set(ports)) == len(ports)
    assert all(IDENTIFIER.fullmatch(port) and port != ERROR_PORT for port in ports)


@TYPES
@pytest.mark.parametrize("params", [{}, {"x": 1}, {"cases": 5}, {"cases": [5, {"port": 5}]}, {"default": []}])
def test_odd_parameters_give_problems_and_no_exception(node_type: NodeType, params: dict[str, object]) -> None:
    assert isinstance(node_type.ports(params), tuple)
    for path, message in node_type.param_problems(params, frozenset()):
        assert isinstance(path, str)
        assert message
