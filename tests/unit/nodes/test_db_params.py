"""What `db.query` accepts: the query is fixed text, values are bound."""

from typing import Any

import pytest

from shared.domain.compiler import compile_definition
from shared.domain.errors import InvalidDefinition
from shared.nodes.catalogue import node_types
from tests.factories import definition, node

GIVEN = {"credential": "cred-00000000000000000000000001", "query": "SELECT 1"}


@pytest.mark.parametrize(
    "query", ["SELECT * FROM t WHERE a = '{{ input.a }}'", "{{ input.sql }}", "SELECT '{{'", "SELECT {{ input."]
)
def test_an_expression_in_the_query_is_refused_and_parameters_are_explained(query: str) -> None:
    with pytest.raises(InvalidDefinition) as caught:
        compile_definition(definition(node("a", "db.query", GIVEN | {"query": query})), node_types())
    texts = [problem.message for problem in caught.value.problems if problem.path.endswith("query")]
    assert any(":name" in text and "params" in text for text in texts)


@pytest.mark.parametrize(
    "wrong",
    [
        {"query": ""},
        {"params": "x"},
        {"mode": "admin"},
        {"maxRows": 100_001},
        {"maxBytes": 50_000_001},
        {"timeoutMs": 0},
        {"credential": "{{ input.c }}"},
    ],
)
def test_other_values_are_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(InvalidDefinition):
        compile_definition(definition(node("a", "db.query", GIVEN | wrong)), node_types())


def test_expressions_in_params_are_fine() -> None:
    given = GIVEN | {"query": "SELECT :a", "params": {"a": "{{ input.a }}"}}
    assert compile_definition(definition(node("a", "db.query", given)), node_types()).roots == ("a",)
