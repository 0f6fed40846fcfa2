"""Replay: a run that was cut anywhere and goes on as a new one ends as it would have ended without the cut."""

import copy
from random import Random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shared.domain.compiler import compile_definition
from shared.domain.outcome import Kind, Outcome
from shared.domain.plan import Plan
from shared.domain.replay import Past, Replay, replay, reusable
from shared.domain.states import TERMINAL_STEP, ExecutionState, StepState
from shared.nodes.catalogue import node_types
from tests.factories import branch_join, chain, definition, diamond, edge, node, random_dag
from tests.unit.domain.test_planner import RUN, World, outcome_of, run

SUCCESS, SKIPPED, READY, PENDING = StepState.SUCCESS, StepState.SKIPPED, StepState.READY, StepState.PENDING


def plan_of(written: dict[str, Any]) -> Plan:
    return compile_definition(written, node_types())


def cut(plan: Plan, choices: int, order: Random, steps: int = 1_000) -> dict[str, Past]:
    """What a run leaves that is canceled after so many steps have ended, in the order in which they did."""
    world = World(plan)
    running: list[tuple[str, str]] = []
    ended: list[str] = []
    for _ in range(steps):
        running = [key for key in running if world.rows[key].state is StepState.RUNNING] + world.claim_ready()
        if world.execution.state is not ExecutionState.RUNNING or not running:
            break
        order.shuffle(running)
        key = running.pop()
        world.turn([outcome_of(plan, key, choices)])
        ended.append(key[0])
    for row in world.rows.values():
        if row.state not in TERMINAL_STEP:
            row.state = StepState.CANCELED
    past = past_of(world)
    return {node: past[node] for node in [*ended, *(node for node in past if node not in ended)]}


def past_of(world: World) -> dict[str, Past]:
    return {node: Past(row.state, row.port) for (node, _), row in world.rows.items()}


def resumed(plan: Plan, begun: Replay, choices: int, order: Random) -> World:
    """The new run, from its first rows to its end."""
    world = World(plan)
    world.execution, world.rows = begun.execution, dict(begun.rows)
    if not begun.execution.open_steps:
        return world
    world.execution.state = ExecutionState.RUNNING
    running: list[tuple[str, str]] = []
    while world.execution.state is ExecutionState.RUNNING:
        running = [key for key in running if world.rows[key].state is StepState.RUNNING] + world.claim_ready()
        order.shuffle(running)
        world.turn([outcome_of(plan, running.pop(), choices)])
    return world


def facts(world: World) -> dict[str, tuple[str, int, int, str | None]]:
    return {node: (row.state.value, row.arrived, row.taken, row.port) for (node, _), row in world.rows.items()}


@settings(max_examples=200, deadline=None)
@given(st.integers(0, 10_000), st.integers(0, 100), st.integers(0, 1_000), st.integers(0, 14), st.integers(0, 3))
def test_a_run_cut_anywhere_ends_as_if_it_had_not_been(
    seed: int, choices: int, shuffle: int, steps: int, drop: int
) -> None:
    plan = plan_of(random_dag(seed))
    whole = run(plan, choices, Random(0), 1)
    past = cut(plan, choices, Random(shuffle), steps)
    fit = reusable(plan, plan, past, anew=Random(shuffle).sample(sorted(plan.nodes), drop))
    begun = replay(plan, past, fit)
    untouched = copy.deepcopy(begun)
    again = resumed(plan, begun, choices, Random(shuffle + 1))

    assert facts(again) == facts(whole)
    assert again.execution.steps_resolved == whole.execution.steps_resolved == plan.total_steps
    assert again.execution.steps_executed == whole.execution.steps_executed - len(begun.copied)
    assert set(begun.copied) <= fit
    rows = untouched.rows.values()
    assert untouched.execution.open_steps == sum(row.state is READY for row in rows)
    assert untouched.execution.steps_resolved == sum(row.state in TERMINAL_STEP for row in rows)
    assert {row.state for row in rows} <= {SUCCESS, SKIPPED, READY, PENDING}


@settings(max_examples=100, deadline=None)
@given(st.integers(0, 10_000), st.integers(0, 100), st.integers(0, 1_000), st.integers(0, 14))
def test_without_a_change_every_success_is_copied(seed: int, choices: int, shuffle: int, steps: int) -> None:
    plan = plan_of(random_dag(seed))
    past = cut(plan, choices, Random(shuffle), steps)
    begun = replay(plan, past, reusable(plan, plan, past))
    assert set(begun.copied) == {node for node, row in past.items() if row.state is SUCCESS}
    assert {node for (node, _), row in begun.rows.items() if row.state is SKIPPED} == {
        node for node, row in past.items() if row.state is SKIPPED
    }


def racing_dag(seed: int) -> dict[str, Any]:
    """A graph in which some joins begin with the first that arrives."""
    random = Random(seed)
    written = random_dag(seed)
    for each in written["containers"][0]["nodes"]:
        each["join"] = random.choice(["all", "any", "first"])
    return written


@settings(max_examples=200, deadline=None)
@given(st.integers(0, 10_000), st.integers(0, 100), st.integers(0, 1_000))
def test_a_whole_run_is_copied_as_it_was_also_where_paths_raced(seed: int, choices: int, shuffle: int) -> None:
    plan = plan_of(racing_dag(seed))
    past = cut(plan, choices, Random(shuffle))
    begun = replay(plan, past, reusable(plan, plan, past))
    assert {node: row.state for (node, _), row in begun.rows.items()} == {node: row.state for node, row in past.items()}
    assert (begun.execution.open_steps, begun.execution.steps_resolved) == (0, plan.total_steps)


@settings(max_examples=300, deadline=None)
@given(st.integers(0, 10_000), st.integers(0, 100), st.integers(0, 1_000), st.integers(0, 14), st.integers(0, 3))
def test_where_paths_race_the_new_run_ends_too(seed: int, choices: int, shuffle: int, steps: int, drop: int) -> None:
    plan = plan_of(racing_dag(seed))
    past = cut(plan, choices, Random(shuffle), steps)
    fit = reusable(plan, plan, past, anew=Random(shuffle).sample(sorted(plan.nodes), drop))
    begun = replay(plan, past, fit)
    rows = begun.rows.values()
    assert begun.execution.open_steps == sum(row.state is READY for row in rows)
    assert begun.execution.steps_resolved == sum(row.state in TERMINAL_STEP for row in rows)
    for name in begun.copied:
        sources = [source for source, each in plan.nodes.items() if name in {edge.target for edge in each.edges}]
        assert all(begun.rows[source, ""].state is past[source].state for source in sources)
        assert all(source in begun.copied for source in sources if past[source].state is SUCCESS)
    again = resumed(plan, begun, choices, Random(shuffle + 1))
    assert again.execution.state in (ExecutionState.SUCCESS, ExecutionState.QUEUED)
    assert set(again.states()) == set(plan.nodes)
    assert all(row.state in TERMINAL_STEP for row in again.rows.values())


def test_a_scope_runs_again_as_a_whole_and_what_is_before_it_is_copied() -> None:
    written: dict[str, Any] = {
        "schema": 1,
        "containers": [
            {"id": "main", "nodes": [node("a")]},
            {"id": "each", "forEach": [1, 2], "nodes": [node("b")]},
            {"id": "safe", "onError": "continue", "nodes": [node("c")]},
            {"id": "rest", "nodes": [node("d")]},
        ],
    }
    plan = plan_of(written)
    before = past(a="success", each="success", safe="success", c="success", d="failed")
    fit = reusable(plan, plan, before)
    assert fit == {"a"}
    assert states(replay(plan, before, fit)) == {"a": "success", "each": "ready"}


def test_a_race_goes_the_same_way_again() -> None:
    join = node("join", params={"output": "{{ steps.a.output }}"}) | {"join": "first"}
    ways = [edge("a", "join"), edge("b", "join"), edge("join", "last")]
    plan = plan_of(definition(node("b"), node("a"), join, node("last"), edges=ways))
    before = past(a="success", b="canceled", join="success", last="failed")
    begun = replay(plan, before, reusable(plan, plan, before))
    assert states(begun) == {"a": "success", "b": "canceled", "join": "success", "last": "ready"}
    assert (begun.execution.open_steps, begun.execution.steps_resolved) == (1, 3)


def test_a_join_of_any_runs_again_when_a_path_to_it_does() -> None:
    join = node("join") | {"join": "any"}
    plan = plan_of(definition(node("a"), node("b"), join, edges=[edge("a", "join"), edge("b", "join")]))
    before = past(a="success", join="success", b="failed")
    begun = replay(plan, before, reusable(plan, plan, before))
    assert states(begun) == {"a": "success", "b": "ready", "join": "ready"}


@settings(max_examples=100, deadline=None)
@given(st.integers(0, 10_000), st.integers(0, 100), st.data())
def test_from_a_step_it_and_all_behind_it_run_anew(seed: int, choices: int, data: st.DataObject) -> None:
    plan = plan_of(random_dag(seed))
    past = past_of(run(plan, choices, Random(0), 1))
    chosen = data.draw(st.sampled_from(sorted(plan.nodes)))
    behind = {chosen}
    for _ in plan.nodes:
        behind |= {edge.target for name in behind for edge in plan.nodes[name].edges}
    begun = replay(plan, past, reusable(plan, plan, past, anew=[chosen]))
    succeeded = {node for node, row in past.items() if row.state is SUCCESS}
    if past[chosen].state is SUCCESS:
        assert set(begun.copied) == succeeded - behind
        assert begun.rows[chosen, ""].state is READY
    else:
        assert set(begun.copied) == succeeded, "it is skipped again: nothing hangs on it"


def states(begun: Replay) -> dict[str, str]:
    return {node: row.state.value for (node, _), row in begun.rows.items()}


def past(**states_by_node: str) -> dict[str, Past]:
    """`check="success:true"`: the state, and the port behind a colon."""
    parts = {node: text.partition(":") for node, text in states_by_node.items()}
    return {node: Past(StepState(state), port or None) for node, (state, _, port) in parts.items()}


def test_a_join_gets_its_arrivals() -> None:
    plan = plan_of(diamond())
    before = past(start="success", left="success", right="failed", join="canceled")
    begun = replay(plan, before, reusable(plan, plan, before))
    assert states(begun) == {"start": "success", "left": "success", "right": "ready", "join": "pending"}
    assert (begun.rows["join", ""].arrived, begun.rows["join", ""].taken) == (1, 1)
    assert (begun.execution.open_steps, begun.execution.steps_resolved, begun.execution.steps_executed) == (1, 2, 0)


def test_what_the_chosen_port_made_unreachable_is_skipped_again() -> None:
    plan = plan_of(branch_join())
    before = past(check="success:true", yes="failed", no="skipped", after_no="skipped")
    begun = replay(plan, before, reusable(plan, plan, before))
    assert states(begun) == {
        "check": "success",
        "yes": "ready",
        "no": "skipped",
        "after_no": "skipped",
        "join": "pending",
    }
    assert begun.rows["check", ""].port == "true"
    assert begun.execution.steps_resolved == 3


def test_nothing_reusable_is_a_start() -> None:
    plan = plan_of(chain(3))
    begun = replay(plan, past(n0="success"), frozenset())
    assert states(begun) == {"n0": "ready"}
    assert begun.copied == ()


def test_a_step_that_failed_and_was_passed_over_runs_again_and_all_behind_it() -> None:
    plan = plan_of(definition(node("a", onError="continue"), node("b"), node("c")))
    before = past(a="failed", b="success", c="failed")
    begun = replay(plan, before, reusable(plan, plan, before))
    assert states(begun) == {"a": "ready"}


@pytest.mark.parametrize(
    ("changed", "copied"),
    [
        (node("b", params={"output": "other"}), ("a",)),
        (node("b", "delay", {"durationMs": 1}), ("a",)),
        (node("b", name="Another name", timeoutMs=5), ("a", "b")),
        (node("b", params={"output": {"y": 1, "x": 2}}), ("a",)),
    ],
)
def test_only_an_unchanged_step_is_copied(changed: dict[str, Any], copied: tuple[str, ...]) -> None:
    output = {"x": 2, "y": 1} if changed["params"].get("output") == {"y": 1, "x": 2} else "b"
    earlier = plan_of(definition(node("a"), node("b", params={"output": output}), node("c")))
    chosen = plan_of(definition(node("a"), changed, node("c")))
    before = past(a="success", b="success", c="failed")
    assert replay(chosen, before, reusable(earlier, chosen, before)).copied == copied


def test_a_step_that_a_new_one_now_leads_to_runs_again() -> None:
    earlier = plan_of(definition(node("a"), node("b")))
    chosen = plan_of(definition(node("a"), node("new"), node("b")))
    before = past(a="success", b="success")
    begun = replay(chosen, before, reusable(earlier, chosen, before))
    assert states(begun) == {"a": "success", "new": "ready"}


def test_a_step_behind_one_that_is_skipped_only_now_runs_again() -> None:
    """It may read what the skipped one had returned."""
    nodes = [node("check", "branch", {"condition": True}), node("x"), node("y")]
    earlier = plan_of(
        definition(*nodes, edges=[edge("check", "x", "true"), edge("check", "y", "true"), edge("x", "y")])
    )
    chosen = plan_of(
        definition(*nodes, edges=[edge("check", "x", "false"), edge("check", "y", "true"), edge("x", "y")])
    )
    before = past(check="success:true", x="success", y="success")
    begun = replay(chosen, before, reusable(earlier, chosen, before))
    assert states(begun) == {"check": "success", "x": "skipped", "y": "ready"}


def test_with_another_input_no_step_that_names_it_is_copied_and_none_behind_one() -> None:
    reads = node("b", params={"output": "{{ input.n }}"})
    plan = plan_of(
        definition(node("a"), reads, node("c"), node("d"), edges=[edge("a", "b"), edge("b", "c"), edge("a", "d")])
    )
    before = past(a="success", b="success", c="success", d="success")
    assert set(replay(plan, before, reusable(plan, plan, before)).copied) == {"a", "b", "c", "d"}
    changed = replay(plan, before, reusable(plan, plan, before, new_input=True))
    assert set(changed.copied) == {"a", "d"}
    assert states(changed)["b"] == "ready"


def test_the_planner_goes_on_from_a_replay() -> None:
    plan = plan_of(chain(2))
    before = past(n0="success", n1="failed")
    world = World(plan)
    begun = replay(plan, before, reusable(plan, plan, before))
    world.execution, world.rows = begun.execution, dict(begun.rows)
    world.execution.state = ExecutionState.RUNNING
    assert world.claim_ready() == [("n1", "")]
    world.turn([Outcome((RUN, "n1", ""), Kind.DONE)])
    assert world.execution.state is ExecutionState.SUCCESS
    assert (world.execution.steps_executed, world.execution.steps_resolved) == (1, 2)
