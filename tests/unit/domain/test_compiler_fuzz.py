"""Whatever is sent as a definition, the answer is a plan or a list of problems, soon."""

import time
from random import Random
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from shared.domain.compiler import compile_definition
from shared.domain.errors import InvalidDefinition
from shared.domain.plan import Plan
from shared.nodes.catalogue import node_types
from tests.factories import branch_join, definition, diamond, edge, node

WORDS = ["a", "b", "join", "", "true", "{{ steps.a.output }}", "{{ item }}", "{{", "http.request", "branch", "error"]
KEYS = [
    "containers",
    "edges",
    "nodes",
    "id",
    "type",
    "params",
    "from",
    "to",
    "port",
    "retry",
    "cases",
    "condition",
    "x",
]
LEAVES = st.none() | st.booleans() | st.integers() | st.floats() | st.sampled_from(WORDS) | st.text(max_size=5)
JSON = st.recursive(
    LEAVES,
    lambda part: st.lists(part, max_size=4) | st.dictionaries(st.sampled_from(KEYS), part, max_size=5),
    max_leaves=25,
)


def outcome(source: Any) -> Plan | list[str]:
    try:
        return compile_definition(source, node_types())
    except InvalidDefinition as error:
        found = [problem.path for problem in error.problems]
    assert found
    return found


@given(JSON)
@settings(suppress_health_check=[HealthCheck.too_slow])
def test_any_json(source: Any) -> None:
    outcome(source)


@given(st.integers(0, 10_000), JSON)
def test_a_right_definition_with_one_part_replaced(seed: int, part: Any) -> None:
    random = Random(seed)
    source: Any = random.choice([branch_join, diamond])()
    at = source
    while True:
        key = random.choice(list(at) if isinstance(at, dict) else list(range(len(at))))
        if not isinstance(at[key], dict | list) or not at[key] or random.random() < 0.2:
            at[key] = part
            break
        at = at[key]
    outcome(source)


@pytest.mark.parametrize(
    "source",
    [
        definition(*[node(f"n{k}", "x" * 60) for k in range(1_000)]),
        definition(*[node(f"n{k}") for k in range(1_000)], edges=[edge(f"n{k}", f"m{k}") for k in range(10_000)]),
        definition(
            *[node(f"n{k}") for k in range(1_000)],
            edges=[edge(f"n{k % 1_000}", f"n{(k * 7 + 1) % 1_000}") for k in range(10_000)],
        ),
        definition(
            *[node(f"n{k}") for k in range(1_000)],
            edges=[edge(f"n{k // 10}", f"n{k // 10 + k % 10 + 1}") for k in range(9_900)],
        ),
        definition(node("a", params={"output": ["{{ steps.zzz.output }}"] * 30_000})),
        definition(node("a", params={"x" * 400_000: {f"k{k}": "{{ x" for k in range(20_000)}})),
        definition(node("a", "branch", {"value": 1, "cases": [{"port": 5}] * 50_000})),
    ],
    ids=["types", "edges", "cycles", "dense", "reads", "long_keys", "cases"],
)
def test_the_worst_definitions_take_seconds_at_most(source: dict[str, Any]) -> None:
    started = time.process_time()
    outcome(source)
    assert time.process_time() - started < 10
