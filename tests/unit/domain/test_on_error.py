"""What a failed step leads to: another attempt, the end of the run, the way on, or the error port."""

import pytest

from shared.domain.compiler import compile_definition
from shared.domain.outcome import Kind, Outcome
from shared.domain.states import ExecutionState
from shared.nodes.catalogue import node_types
from tests.factories import definition, edge, node
from tests.unit.domain.test_planner import RUN, World

WAYS = [edge("a", "plain"), edge("a", "caught", "error"), edge("plain", "end"), edge("caught", "end")]


def world_of(**more: object) -> World:
    """`a` goes to `plain` and then to `end`; where it has an error port, through `caught` too."""
    names = ("plain", "caught", "end") if more.get("onError") == "port" else ("plain", "end")
    nodes = [node("a", **more), *map(node, names)]
    edges = [way for way in WAYS if {way["from"], way["to"]} <= {"a", *names}]
    world = World(compile_definition(definition(*nodes, edges=edges), node_types()))
    world.claim_ready()
    return world


def fail(world: World, code: str = "BOOM", *, retryable: bool = False, kind: Kind = Kind.FAILED) -> None:
    world.turn([Outcome((RUN, "a", ""), kind, error_code=code, retryable=retryable)])


def finish(world: World) -> None:
    """Everything else succeeds."""
    while ready := world.claim_ready():
        world.turn([Outcome((RUN, *key), Kind.DONE) for key in ready])


@pytest.mark.parametrize("kind", [Kind.FAILED, Kind.LOST])
def test_a_run_goes_on_after_a_failure_that_does_not_matter(kind: Kind) -> None:
    world = world_of(onError="continue", onWorkerLost="fail")
    fail(world, kind=kind)
    assert world.states()["plain"] == "ready"
    finish(world)
    assert world.execution.state is ExecutionState.SUCCESS
    assert world.states()["a"] == "failed"
    assert world.execution.failed_node is None


@pytest.mark.parametrize("kind", [Kind.FAILED, Kind.LOST])
def test_a_failure_takes_the_error_port_and_no_other(kind: Kind) -> None:
    world = world_of(onError="port", onWorkerLost="fail")
    fail(world, kind=kind)
    assert world.rows["a", ""].port == "error"
    assert world.states() == {"a": "failed", "caught": "ready", "end": "pending", "plain": "skipped"}
    finish(world)
    assert world.execution.state is ExecutionState.SUCCESS
    assert world.states()["end"] == "success"


def test_a_success_leaves_the_error_port_alone() -> None:
    world = world_of(onError="port")
    world.turn([Outcome((RUN, "a", ""), Kind.DONE)])
    assert world.states() == {"a": "success", "caught": "skipped", "end": "pending", "plain": "ready"}
    finish(world)
    assert world.execution.state is ExecutionState.SUCCESS


def test_an_error_port_without_an_edge_ends_the_path_and_not_the_run() -> None:
    plan = compile_definition(definition(node("a", onError="port"), node("b")), node_types())
    world = World(plan)
    world.claim_ready()
    fail(world)
    assert world.states() == {"a": "failed", "b": "skipped"}
    assert world.execution.state is ExecutionState.SUCCESS


@pytest.mark.parametrize(
    ("only", "code", "retryable", "state"),
    [
        (None, "BUSY", True, "retrying"),
        (None, "BUSY", False, "failed"),
        (["BUSY"], "BUSY", False, "retrying"),
        (["BUSY"], "OTHER", True, "failed"),
    ],
)
def test_only_chosen_errors_are_tried_again(only: list[str] | None, code: str, state: str, *, retryable: bool) -> None:
    retry = {"maxAttempts": 3, "jitter": False} | ({} if only is None else {"only": only})
    world = world_of(retry=retry)
    fail(world, code, retryable=retryable)
    assert world.states()["a"] == state


def test_onerror_applies_when_the_attempts_are_used_up() -> None:
    world = world_of(onError="continue", retry={"maxAttempts": 2, "only": ["BUSY"], "jitter": False})
    fail(world, "BUSY")
    assert world.states()["a"] == "retrying"
    world.turn([Outcome((RUN, "a", ""), Kind.DUE)])
    world.claim_ready()
    fail(world, "BUSY")
    assert (world.states()["a"], world.states()["plain"]) == ("failed", "ready")
