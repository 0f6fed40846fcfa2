"""Properties of compiled graphs, against the planner that uses them and against slow but plain definitions."""

from random import Random
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.domain.compiler import compile_definition
from shared.domain.graph import Graph
from shared.domain.outcome import Kind, Outcome
from shared.domain.plan import Plan
from shared.domain.planner import ExecutionRow, StepRow, Turn
from shared.domain.states import ExecutionState, StepState
from shared.nodes.catalogue import node_types
from tests.factories import random_dag

PAIRS = st.lists(st.tuples(st.integers(0, 7), st.integers(0, 7)).filter(lambda pair: pair[0] != pair[1]), max_size=20)


def graph_of(pairs: list[tuple[int, int]]) -> Graph:
    return Graph(tuple(f"n{place}" for place in range(8)), tuple((f"n{a}", f"n{b}", False) for a, b in pairs))


@given(PAIRS)
def test_there_is_an_order_or_a_cycle_and_never_both(pairs: list[tuple[int, int]]) -> None:
    graph = graph_of(pairs)
    order, cycles = graph.order(), graph.cycles()
    assert (len(order) == 8) is (cycles == [])
    place = {node: position for position, node in enumerate(order)}
    assert all(place[source] < place[target] for source, target, _ in graph.edges if target in place)
    known = {(source, target) for source, target, _ in graph.edges}
    for cycle in cycles:
        assert all(pair in known for pair in zip(cycle, [*cycle[1:], cycle[0]], strict=True))


@given(PAIRS)
def test_ancestors_are_what_a_walk_backwards_finds(pairs: list[tuple[int, int]]) -> None:
    graph = graph_of([(min(pair), max(pair)) for pair in pairs])
    bits, found = graph.bits(), graph.ancestors(graph.order())
    for node in graph.nodes:
        before, todo = set[str](), [node]
        while todo:
            reached = todo.pop()
            new = {source for source, target, _ in graph.edges if target == reached} - before
            before |= new
            todo += new
        assert found[node] == sum(bits[other] for other in before)


@pytest.mark.parametrize("seed", range(150))
def test_a_run_touches_no_join_that_joins_after_does_not_name(seed: int) -> None:
    """The turn is given the rows that `joins_after` names and no others; any other join would be inserted twice."""
    plan = compile_definition(random_dag(seed), node_types())
    random = Random(seed)
    rows = {(node, ""): StepRow(node, "", StepState.RUNNING) for node in plan.roots}
    execution = ExecutionRow(ExecutionState.RUNNING, None, open_steps=len(rows))
    while running := [key for key, row in rows.items() if row.state in (StepState.READY, StepState.RUNNING)]:
        key = random.choice(running)
        rows[key].state = StepState.RUNNING
        end_step(plan, execution, rows, key, random)
    assert execution.state is ExecutionState.SUCCESS
    assert execution.steps_resolved == plan.total_steps == len(rows)


def end_step(
    plan: Plan, execution: ExecutionRow, rows: dict[tuple[str, str], StepRow], key: tuple[str, str], random: Random
) -> None:
    node = plan.nodes[key[0]]
    named = {(join, "") for join in node.joins_after}
    turn = Turn(plan, execution, {found: row for found, row in rows.items() if found == key or found in named})
    port = random.choice(["true", "false"]) if node.type == "branch" else None
    turn.apply([Outcome((UUID(int=1), *key), Kind.DONE, port=port)])
    turn.settle()
    for found, row in turn.inserted.items():
        assert found not in rows
        assert plan.nodes[found[0]].indegree == 1 or found in named
        rows[found] = row
