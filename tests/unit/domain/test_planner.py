"""The planner: any order and any grouping of the same outcomes gives the same rows (I9), and every execution ends (I1)."""

import copy
from random import Random
from uuid import UUID

from hypothesis import given, settings
from hypothesis import strategies as st

from shared.domain.compiler import compile_definition
from shared.domain.outcome import Kind, Outcome
from shared.domain.plan import Plan
from shared.domain.planner import ExecutionRow, StepRow, Turn
from shared.domain.scopes import is_given_up
from shared.domain.states import OPEN_STEP, TERMINAL_STEP, ExecutionState, StepState
from shared.nodes.catalogue import node_types
from tests.factories import branch_join, chain, definition, random_dag

RUN = UUID(int=1)
Rows = dict[tuple[str, str], StepRow]


class World:
    """The database as two dictionaries, and claims that always succeed."""

    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        self.execution = ExecutionRow(
            ExecutionState.RUNNING, None, open_steps=len(plan.roots), total_steps=plan.total_steps
        )
        self.rows: Rows = {(root, ""): StepRow(root, "", StepState.READY) for root in plan.roots}

    def claim_ready(self) -> list[tuple[str, str]]:
        ready = sorted(key for key, row in self.rows.items() if row.state is StepState.READY)
        for key in ready:
            self.rows[key].state = StepState.RUNNING
        return ready

    def turn(self, outcomes: list[Outcome]) -> None:
        """One batch, as the engine does it: the rows it needs, the planner, the rows back."""
        keys = {outcome.key[1:] for outcome in outcomes}
        for node, item in list(keys):
            keys.update(self.plan.touches(node, item))
        outcomes = [outcome for outcome in outcomes if self.rows[outcome.key[1:]].state not in TERMINAL_STEP]
        rows = {key: copy.copy(self.rows[key]) for key in keys if key in self.rows}
        turn = Turn(self.plan, self.execution, rows)
        for outcome in outcomes:
            if rows[outcome.key[1:]].state not in TERMINAL_STEP and not is_given_up(turn, outcome.key[1:]):
                turn.apply([outcome])
        assert not set(turn.inserted) & set(self.rows), "a step would be inserted twice"
        self.rows |= turn.updated | turn.inserted | turn.counted
        for row in self.rows.values():
            if is_given_up(turn, row.key) or (turn.stop_siblings and row.state is not StepState.RUNNING):
                self._cancel(row)
        turn.settle()

    def _cancel(self, row: StepRow) -> None:
        if row.state not in TERMINAL_STEP:
            self.execution.open_steps -= row.state in OPEN_STEP
            self.execution.waiting_steps -= row.state is StepState.WAITING
            row.state = StepState.CANCELED

    def states(self) -> dict[str, str]:
        return {node: row.state.value for (node, _), row in sorted(self.rows.items())}


def outcome_of(plan: Plan, key: tuple[str, str], choices: int) -> Outcome:
    """A step's outcome depends on the step alone, never on the order."""
    ports = sorted({edge.port for edge in plan.nodes[key[0]].edges if edge.port})
    port = ports[Random(f"{choices}{key[0]}").randrange(len(ports))] if ports else None
    return Outcome((RUN, *key), Kind.DONE, port=port)


def run(plan: Plan, choices: int, order: Random, group: int) -> World:
    world = World(plan)
    running: list[tuple[str, str]] = []
    while world.execution.state is ExecutionState.RUNNING:
        running += world.claim_ready()
        order.shuffle(running)
        taken, running = running[:group], running[group:]
        assert taken, "the execution is alive, but nothing can run"
        world.turn([outcome_of(plan, key, choices) for key in taken])
    assert not running
    return world


@settings(max_examples=150, deadline=None)
@given(st.integers(0, 10_000), st.integers(0, 100), st.integers(0, 1_000), st.integers(1, 8))
def test_order_and_grouping_change_nothing(seed: int, choices: int, shuffle: int, group: int) -> None:
    plan = compile_definition(random_dag(seed), node_types())
    one_by_one = run(plan, choices, Random(0), 1)
    shuffled = run(plan, choices, Random(shuffle), group)
    assert shuffled.states() == one_by_one.states()
    assert shuffled.execution == one_by_one.execution
    assert set(shuffled.states()) == set(plan.nodes), "every node has a row at the end"
    assert shuffled.execution.state is ExecutionState.SUCCESS
    assert shuffled.execution.steps_resolved == plan.total_steps


def test_a_chain_runs_in_order() -> None:
    world = World(compile_definition(chain(3), node_types()))
    seen = []
    while world.execution.state is ExecutionState.RUNNING:
        ready = world.claim_ready()
        seen += [node for node, _ in ready]
        world.turn([Outcome((RUN, *key), Kind.DONE) for key in ready])
    assert seen == list(world.plan.nodes)


def test_a_branch_not_taken_is_skipped_and_the_join_still_runs() -> None:
    plan = compile_definition(branch_join(), node_types())
    world = run(plan, 0, Random(0), 1)
    states = world.states()
    assert set(states.values()) == {"success", "skipped"}
    assert [states[end] for end in plan.ends] == ["success"]
    assert world.execution.steps_executed == list(states.values()).count("success")


def test_a_failure_stops_what_has_not_begun_and_waits_for_what_runs() -> None:
    definition = {
        "schema": 1,
        "containers": [
            {
                "id": "c",
                "nodes": [{"id": n, "type": "transform", "params": {"output": 1}} for n in ("a", "b", "c1", "d")],
            }
        ],
        "edges": [{"from": "c1", "to": "d"}],
    }
    plan = compile_definition(definition, node_types())
    world = World(plan)
    world.claim_ready()
    world.rows["b", ""].state = StepState.READY
    world.turn([Outcome((RUN, "a", ""), Kind.FAILED, error_code="BOOM")])
    assert world.states() == {"a": "failed", "b": "canceled", "c1": "running"}
    assert world.execution.state is ExecutionState.RUNNING
    assert world.execution.stopping == "fail"
    world.turn([Outcome((RUN, "c1", ""), Kind.DONE)])
    assert world.execution.state is ExecutionState.FAILED
    assert world.execution.failed_node == "a"
    assert "d" not in world.states()


def test_waiting_is_a_state_and_a_timer_ends_it() -> None:
    world = World(compile_definition(chain(1), node_types()))
    (key,) = world.claim_ready()
    world.turn([Outcome((RUN, *key), Kind.WAIT, due_s=60.0)])
    assert world.execution.state is ExecutionState.WAITING
    world.turn([Outcome((RUN, *key), Kind.DUE)])
    assert world.execution.state is ExecutionState.RUNNING
    assert world.claim_ready() == [key]


def test_a_wait_without_a_timer_is_ended_from_outside_and_a_retry_begins_anew() -> None:
    made = {"id": "a", "type": "transform", "params": {"output": 1}, "retry": {"maxAttempts": 2, "initialMs": 0}}
    world = World(compile_definition(definition(made), node_types()))
    (key,) = world.claim_ready()
    world.turn([Outcome((RUN, *key), Kind.WAIT)])
    assert (world.execution.state, world.execution.waiting_steps) == (ExecutionState.WAITING, 1)
    world.turn([Outcome((RUN, *key), Kind.RESUMED)])
    assert (world.execution.state, world.execution.waiting_steps) == (ExecutionState.RUNNING, 0)
    assert world.rows[key].resumed
    assert world.claim_ready() == [key]
    world.turn([Outcome((RUN, *key), Kind.FAILED, retryable=True, error_code="X")])
    assert (world.rows[key].state, world.rows[key].resumed) == (StepState.RETRYING, False)


def test_a_lost_worker_is_forgiven_twice() -> None:
    world = World(compile_definition(chain(1), node_types()))
    (key,) = world.claim_ready()
    for _ in range(2):
        world.turn([Outcome((RUN, *key), Kind.LOST)])
        assert world.claim_ready() == [key]
    world.turn([Outcome((RUN, *key), Kind.LOST, error_code="WORKER_LOST")])
    assert world.execution.state is ExecutionState.FAILED
    assert world.rows[key].error_code == "WORKER_LOST"
