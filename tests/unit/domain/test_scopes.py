"""Scopes in the planner: any order and any grouping ends alike, and the counters are right after every turn."""

from random import Random
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from shared.domain.compiler import compile_definition
from shared.domain.outcome import Kind, Outcome
from shared.domain.plan import PlanNode
from shared.domain.planner import MAX_STEPS
from shared.domain.states import OPEN_STEP, ExecutionState, StepState
from shared.domain.turn import StepKey, StepRow
from shared.nodes.catalogue import node_types
from tests.factories import Definition, container, definition, edge, loop, node, random_scopes
from tests.unit.domain.test_planner import RUN, World


class ScopeWorld(World):
    """Every step does what its definition says, so its outcome depends on the step alone."""

    def __init__(self, source: Definition) -> None:
        super().__init__(compile_definition(source, node_types()))
        self.sizes = {each["id"]: len(each["forEach"]) for each in source["containers"] if "forEach" in each}

    def outcome(self, key: StepKey) -> Outcome:
        step, row = self.plan.nodes[key[0]], self.rows[key]
        if step.body is not None:
            return self._scope(step, row)
        if step.type == "fail":
            return Outcome((RUN, *key), Kind.FAILED, error_code="BOOM", error="{}")
        port = ("true", "false")[hash(key) % 2] if step.type == "branch" else None
        return Outcome((RUN, *key), Kind.DONE, port=port)

    def _scope(self, step: PlanNode, row: StepRow) -> Outcome:
        count = self.sizes.get(step.id)
        if not row.children and count != 0:
            return Outcome((RUN, *row.key), Kind.OPEN, items=None if count is None else ("0",) * count)
        kind = Kind.FAILED if row.children_failed else Kind.DONE
        return Outcome((RUN, *row.key), kind, error_code="ITEMS_FAILED" if row.children_failed else None)

    def run(self, order: Random, group: int) -> None:
        running: list[StepKey] = []
        while self.execution.state is ExecutionState.RUNNING:
            running += self.claim_ready()
            order.shuffle(running)
            taken, running = running[:group], running[group:]
            assert taken, "the execution is alive, but nothing can run"
            self.turn([self.outcome(key) for key in taken if self.rows[key].state is StepState.RUNNING])
            self.check()

    def check(self) -> None:
        states = [row.state for row in self.rows.values()]
        assert self.execution.open_steps == sum(state in OPEN_STEP for state in states)
        assert self.execution.steps_resolved <= self.execution.total_steps
        for row in self.rows.values():
            assert 0 <= row.children_done <= max(row.children, row.children_begun)
            limit = self.plan.nodes[row.node].body
            if limit is not None and row.state is StepState.OPEN and row.children_begun:
                assert row.children_begun - row.children_done <= limit.max_parallel

    def ends(self) -> dict[StepKey, str]:
        """The last state of every step that time cannot change: not those inside what was given up."""
        given_up = {row.key for row in self.rows.values() if row.state is StepState.FAILED and row.children}
        return {key: row.state.value for key, row in self.rows.items() if not self._inside(key, given_up)}

    def _inside(self, key: StepKey, given_up: set[StepKey]) -> bool:
        scopes = self.plan.nodes[key[0]].scopes
        return any(
            scope in (*scopes, key[0]) and key[1] != at and key[1].startswith(at) for scope, at in given_up
        ) or any((scope, key[1]) in given_up for scope in scopes)


@settings(max_examples=200, deadline=None)
@given(st.integers(0, 100_000), st.integers(0, 1_000), st.integers(1, 8))
def test_order_and_grouping_change_nothing(seed: int, shuffle: int, group: int) -> None:
    source = random_scopes(seed)
    one, other = ScopeWorld(source), ScopeWorld(source)
    one.run(Random(0), 1)
    other.run(Random(shuffle), group)
    assert other.execution.state is one.execution.state
    if one.execution.state is ExecutionState.SUCCESS:
        assert one.execution.steps_resolved == one.execution.total_steps
        assert other.execution.steps_resolved == other.execution.total_steps
        if not any(step.join != "all" for step in one.plan.nodes.values()):
            assert other.ends() == one.ends()


def world(*containers: dict[str, Any], edges: list[dict[str, str]] | None = None) -> ScopeWorld:
    return ScopeWorld({"schema": 1, "containers": list(containers)} | ({"edges": edges} if edges else {}))


def step(made: ScopeWorld, *keys: StepKey) -> None:
    """These steps run and end; each is ready."""
    assert set(keys) <= set(made.claim_ready()), made.states()
    made.turn([made.outcome(key) for key in keys])
    made.check()


def states(made: ScopeWorld) -> dict[StepKey, str]:
    return {key: row.state.value for key, row in made.rows.items()}


def test_a_loop_has_at_most_max_parallel_items_at_a_time() -> None:
    made = world(loop("each", [node("a")], [1, 2, 3], maxParallel=2))
    step(made, ("each", ""))
    assert made.claim_ready() == [("a", "000000"), ("a", "000001")]
    made.turn([made.outcome(("a", "000001"))])
    assert made.claim_ready() == [("a", "000002")]
    made.turn([made.outcome(("a", "000002")), made.outcome(("a", "000000"))])
    assert made.claim_ready() == [("each", "")]
    made.turn([made.outcome(("each", ""))])
    assert made.execution.state is ExecutionState.SUCCESS
    assert (made.execution.steps_executed, made.execution.total_steps) == (4, 4)


def test_an_empty_loop_is_over_at_once() -> None:
    made = world(loop("each", [node("a")], []), container("after", [node("b")]))
    step(made, ("each", ""))
    assert states(made) == {("each", ""): "success", ("b", ""): "ready"}


def test_an_item_that_fails_stops_the_loop_and_the_run() -> None:
    made = world(loop("each", [node("a", "fail", {"code": "X", "message": "m"})], [1, 2, 3], maxParallel=2))
    step(made, ("each", ""))
    made.claim_ready()
    made.turn([made.outcome(("a", "000000"))])
    assert made.execution.state is ExecutionState.RUNNING, "the other item is being stopped"
    made.turn([Outcome((RUN, "a", "000001"), Kind.STOPPED)])
    assert made.execution.state is ExecutionState.FAILED
    assert (made.execution.failed_node, made.execution.failed_item) == ("a", "000000")
    assert ("a", "000002") not in made.rows


def test_a_loop_that_collects_errors_goes_on_and_fails_at_its_end() -> None:
    made = world(
        loop("each", [node("a", "fail", {"code": "X", "message": "m"})], [1, 2], onError="continue"),
        container("after", [node("b")]),
    )
    made.run(Random(0), 1)
    assert made.execution.state is ExecutionState.SUCCESS
    found = states(made)
    assert (found["each", ""], found["each", "000000"], found["b", ""]) == ("failed", "failed", "success")
    assert made.rows["each", ""].children_failed == 2


def test_an_error_scope_cancels_what_runs_inside_and_takes_the_error_port() -> None:
    made = world(
        container("try", [node("a", "fail", {"code": "X", "message": "m"}), node("b"), node("c")], onError="port"),
        container("main", [node("plain"), node("caught")]),
        edges=[edge("b", "c"), edge("try", "plain"), edge("try", "caught", "error")],
    )
    step(made, ("try", ""))
    assert set(made.claim_ready()) == {("a", ""), ("b", "")}
    made.turn([made.outcome(("a", ""))])
    made.check()
    found = states(made)
    assert found["b", ""] == "canceled", "it ran; its worker is told"
    assert (found["try", ""], found["plain", ""], found["caught", ""]) == ("failed", "skipped", "ready")
    made.turn([made.outcome(("b", ""))])
    assert ("c", "") not in made.rows, "an outcome that comes too late changes nothing"


def test_a_failure_goes_out_to_the_first_scope_that_deals_with_it() -> None:
    made = world(
        container("outer", [], onError="continue"),
        loop("each", [node("a", "fail", {"code": "X", "message": "m"})], [1, 2], parent="outer", maxParallel=2),
        container("after", [node("b")]),
    )
    made.run(Random(0), 8)
    found = states(made)
    assert (found["outer", ""], found["each", ""], found["b", ""]) == ("failed", "canceled", "success")


FAST = [
    edge("start", "slow"),
    edge("start", "fast"),
    edge("slow", "slower"),
    edge("slower", "join"),
    edge("fast", "join"),
]


def race(join: str, *more: dict[str, str]) -> ScopeWorld:
    names = ("start", "slow", "slower", "fast", *(["aside"] if more else []), "end")
    made = ScopeWorld(definition(*map(node, names), node("join", join=join), edges=[*FAST, edge("join", "end"), *more]))
    step(made, ("start", ""))
    assert {("slow", ""), ("fast", "")} <= set(made.claim_ready())
    made.turn([made.outcome(("fast", ""))])
    made.check()
    assert states(made)["join", ""] == "ready"
    return made


def test_any_goes_on_with_the_first_arrival_and_lets_the_others_run() -> None:
    made = race("any")
    made.claim_ready()
    made.turn([made.outcome(("join", "")), made.outcome(("slow", ""))])
    assert made.claim_ready() == [("end", ""), ("slower", "")]
    made.turn([made.outcome(("slower", ""))])
    assert made.rows["join", ""].arrived == 1
    assert states(made)["join", ""] == "success", "it does not run twice"


def test_first_cancels_the_paths_that_only_lead_to_it() -> None:
    made = race("first")
    found = states(made)
    assert (found["slow", ""], found["slower", ""]) == ("canceled", "canceled")
    made.turn([made.outcome(("slow", ""))])
    made.run(Random(0), 1)
    assert made.execution.state is ExecutionState.SUCCESS


def test_first_leaves_a_path_alone_that_somebody_else_needs() -> None:
    made = race("first", edge("slow", "aside"))
    assert states(made)["slow", ""] == "running"
    made.turn([made.outcome(("slow", ""))])
    assert states(made)["slower", ""] == "canceled"
    assert made.claim_ready() == [("aside", ""), ("join", "")]


def test_a_loop_that_makes_too_many_steps_fails_before_it_begins() -> None:
    made = world(loop("each", [node("a")], [1, 2]), container("after", [node("b")]))
    made.execution.total_steps = MAX_STEPS - 1
    step(made, ("each", ""))
    assert made.execution.state is ExecutionState.FAILED
    assert (made.rows["each", ""].error_code, made.execution.failed_node) == ("TOO_MANY_STEPS", "each")
