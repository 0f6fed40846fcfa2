"""What a right definition compiles to."""

from shared.domain.compiler import compile_definition
from shared.domain.plan import Plan, PlanEdge, RetryPolicy
from shared.nodes.catalogue import node_types
from tests.factories import Definition, branch_join, chain, definition, diamond, edge, node


def plan(source: Definition) -> Plan:
    return compile_definition(source, node_types())


def test_without_edges_nodes_follow_each_other_container_after_container() -> None:
    source = {
        "containers": [
            {"id": "one", "nodes": [node("a"), node("b")]},
            {"id": "two", "nodes": [node("c")], "parent": "one"},
        ]
    }
    found = plan(source)
    assert list(found.nodes) == ["a", "b", "c"]
    assert (found.roots, found.ends) == (("a",), ("c",))
    assert found.nodes["a"].edges == (PlanEdge("b"),)
    assert found.nodes["b"].edges == (PlanEdge("c"),)
    assert found.nodes["c"].container == "two"
    assert all(node.joins_after == () for node in found.nodes.values())


def test_a_chain_has_no_joins_and_reads_the_node_before() -> None:
    found = plan(chain(5))
    assert found.total_steps == 5
    assert found.nodes["n3"].reads == {"n2"}
    assert found.nodes["n3"].indegree == 1
    assert [node.joins_after for node in found.nodes.values()] == [()] * 5


def test_a_diamond_touches_its_join_from_both_sides() -> None:
    found = plan(diamond())
    assert found.roots == ("start",)
    assert found.nodes["join"].indegree == 2
    assert found.nodes["join"].reads == {"left", "right"}
    assert found.nodes["start"].joins_after == ()
    assert found.nodes["left"].joins_after == found.nodes["right"].joins_after == ("join",)


def test_a_branch_touches_the_joins_behind_what_it_skips() -> None:
    found = plan(branch_join())
    assert found.nodes["check"].edges == (PlanEdge("yes", "true"), PlanEdge("no", "false"))
    assert found.nodes["check"].joins_after == ("join",)
    assert found.nodes["no"].joins_after == ()
    assert found.nodes["after_no"].joins_after == ("join",)


def test_a_skipped_join_carries_on_to_the_next_one() -> None:
    source = definition(
        node("a", "branch", {"condition": True}),
        node("b"),
        node("j"),
        node("k"),
        edges=[edge("a", "b", "true"), edge("a", "j", "false"), edge("a", "j", "true"), edge("j", "k"), edge("b", "k")],
    )
    found = plan(source)
    assert found.nodes["j"].indegree == 2
    assert found.nodes["a"].joins_after == ("j", "k")
    assert found.nodes["b"].joins_after == ("k",)


def test_nodes_without_incoming_edges_are_roots_once_there_is_an_edge() -> None:
    found = plan(definition(node("a"), node("b"), node("c"), edges=[edge("a", "b")]))
    assert found.roots == ("a", "c")
    assert found.ends == ("b", "c")


def test_defaults_come_from_the_node_type_and_the_retry_policy() -> None:
    found = plan(definition(node("a"))).nodes["a"]
    assert (found.name, found.timeout_ms, found.pool, found.on_worker_lost) == ("a", 300_000, "default", "retry")
    assert found.retry == RetryPolicy()
    assert found.params.evaluate({}) == {"output": "a"}


def test_everything_about_a_node_is_read() -> None:
    retry = {
        "maxAttempts": 4,
        "backoff": "fixed",
        "initialMs": 500,
        "maxMs": 30_000,
        "jitter": False,
        "maxElapsedMs": 9_000,
    }
    source = definition(
        node(
            "a",
            name="First",
            retry=retry,
            timeoutMs=1_000,
            onWorkerLost="fail",
            onError="fail",
            join="all",
            fallback=None,
        )
    )
    found = plan(source).nodes["a"]
    assert (found.name, found.timeout_ms, found.on_worker_lost, found.on_error) == ("First", 1_000, "fail", "fail")
    assert found.retry == RetryPolicy(4, "fixed", 500, 30_000, jitter=False, max_elapsed_ms=9_000)


def test_the_limit_of_a_run_is_read() -> None:
    assert plan(chain(1)).timeout_ms is None
    assert plan(chain(1) | {"settings": {"timeoutMs": 90_000}}).timeout_ms == 90_000


def test_manual_and_api_triggers_need_no_mention_and_may_have_one() -> None:
    triggers = [{"id": "t", "type": "manual"}, {"id": "u", "type": "api"}]
    assert plan(chain(1) | {"triggers": [], "settings": {}, "edges": []}).total_steps == 1
    assert plan(chain(1) | {"triggers": triggers}).total_steps == 1


def test_a_thousand_nodes_compile() -> None:
    found = plan(chain(1_000))
    assert found.total_steps == 1_000
    assert found.ends == ("n999",)


def test_a_parameter_with_an_expression_is_left_for_the_run() -> None:
    source = definition(
        node("a", "simulate", {"durationMs": "{{ input.ms }}"}), node("b", "delay", {"until": "{{ now }}"})
    )
    found = plan(source)
    assert [found.nodes[key].params.names for key in ("a", "b")] == [{"input"}, {"now"}]
