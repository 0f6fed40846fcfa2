"""Every problem is reported, all at once, each with its path and what to do."""

import json
from typing import Any

import pytest

from shared.domain.compiler import compile_definition
from shared.domain.errors import InvalidDefinition
from shared.nodes.catalogue import node_types
from tests.factories import chain, container, definition, edge, loop, node

FOLLOWS = {"id": "t", "type": "execution", "workflowId": "wf-00000000000000000000000001"}
NODE = "containers[0].nodes[0]"


def problems(source: Any) -> list[tuple[str, str]]:
    with pytest.raises(InvalidDefinition) as caught:
        compile_definition(source, node_types())
    return [(problem.path, problem.message) for problem in caught.value.problems]


def only(source: Any) -> tuple[str, str]:
    found = problems(source)
    assert len(found) == 1, found
    return found[0]


def test_a_cycle_an_unknown_type_a_bad_expression_and_a_missing_field_come_in_one_answer() -> None:
    source = definition(
        node("a", "http.request", {"method": "GET"}),
        node("b", "transfrom"),
        node("c", params={"output": "{{ input.x + }}"}),
        node("d", params={"output": "{{ steps.nowhere.output }}"}),
        edges=[edge("a", "b"), edge("b", "c"), edge("c", "a")],
    )
    found = dict(problems(source))
    assert "`url` is missing" in found[f"{NODE}.params.url"]
    assert "transform" in found["containers[0].nodes[1].type"]
    assert "input.x +" in found["containers[0].nodes[2].params.output"]
    assert "steps.nowhere" in found["containers[0].nodes[3].params.output"]
    assert "a → b → c → a" in found["edges"]
    assert len(found) == 5


@pytest.mark.parametrize(
    ("more", "path", "words"),
    [
        ({"retry": {"maxAttempts": 21}}, "retry.maxAttempts", "from 1 to 20"),
        ({"retry": {"maxAttempts": True}}, "retry.maxAttempts", "whole number"),
        ({"retry": {"backoff": "random"}}, "retry.backoff", "exponential"),
        ({"retry": {"attempts": 2}}, "retry.attempts", "maxAttempts"),
        ({"retry": []}, "retry", "an object, not a list"),
        ({"retry": {"jitter": "yes"}}, "retry.jitter", "true or false"),
        ({"timeoutMs": 0}, "timeoutMs", "from 1 to 86,400,000"),
        ({"timeoutMs": "5s"}, "timeoutMs", "not text"),
        ({"timeoutMs": 86_400_001}, "timeoutMs", "86,400,000"),
        ({"onWorkerLost": "ignore"}, "onWorkerLost", "retry"),
        ({"onError": "ignore"}, "onError", "`fail` or `continue` or `port`"),
        ({"fallback": {}}, "fallback", "onError: continue"),
        ({"onError": "continue", "fallback": "{{ input }}"}, "fallback", "without expressions"),
        ({"retry": {"only": []}}, "retry.only", "list of 1 to 50"),
        ({"retry": {"only": ["http 503"]}}, "retry.only", "error codes"),
        ({"join": []}, "join", "must be `all` or `any` or `first`"),
        ({"name": "x" * 201}, "name", "at most 200"),
        ({"name": 5}, "name", "must be text"),
        ({"parms": {}}, "parms", "near: params"),
        ({"params": []}, "params", "an object, not a list"),
        ({"id": "1st"}, "id", "not beginning with a digit"),
        ({"id": None}, "id", "needs an `id`"),
        ({"type": None, "params": {}}, "type", "needs a `type`"),
        ({"type": 5, "params": {}}, "type", "needs a `type`"),
    ],
)
def test_a_node_field(more: dict[str, Any], path: str, words: str) -> None:
    found = problems(definition(node("a") | more))
    assert any(where == f"{NODE}.{path}" and words in message for where, message in found), found


@pytest.mark.parametrize(
    ("kind", "params", "path", "words"),
    [
        ("http.request", {"mehtod": "GET", "url": "https://x.example"}, "mehtod", "near: method"),
        ("http.request", {"method": "FETCH", "url": "https://x.example"}, "method", "`GET`"),
        ("http.request", {"url": ""}, "url", "at least one character"),
        ("http.request", {"url": "https://x.example", "headers": {"a b": "c"}}, "headers", "letters, digits"),
        ("http.request", {"url": "https://x.example", "headers": {"Host": "c"}}, "headers", "leave it out"),
        ("http.request", {"url": "https://x.example", "headers": {"a": "c\r\nd: e"}}, "headers", "line break"),
        ("http.request", {"url": "https://x.example", "headers": {"a": {}}}, "headers.a", "must be text"),
        ("http.request", {"url": "https://x.example", "failOnStatus": "5xx"}, "failOnStatus", "list of statuses"),
        ("http.request", {"url": "https://x.example", "timeoutMs": 0}, "timeoutMs", "at least"),
        ("http.request", {"url": "{{ input.url }}", "maxBytes": "x"}, "maxBytes", "whole number"),
        ("transform", {}, "output", "`output` is missing"),
        ("delay", {}, "", "one of them"),
        ("delay", {"durationMs": 5, "until": 5}, "", "one of them"),
        ("delay", {"durationMs": "{{ input.x }}", "until": 5}, "", "one of them"),
        ("delay", {"durationMs": 366 * 86_400_000}, "durationMs", "at most"),
        ("delay", {"until": "tomorrow"}, "until", "2030-01-31"),
        ("simulate", {"failureRate": 2}, "failureRate", "at most"),
        ("simulate", {"tokensMin": 5, "tokensMax": 4}, "", "at least"),
        ("fail", {"code": "lower"}, "code", "pattern"),
        ("branch", {}, "", "`condition`"),
        ("branch", {"condition": True, "cases": []}, "", "one of them"),
        ("branch", {"condition": "{{ input.a }} > 3"}, "condition", "put the whole condition"),
        ("branch", {"condition": "input.a > 3"}, "condition", "as an expression"),
        ("branch", {"condition": True, "default": "x"}, "default", "leave it out"),
        ("branch", {"cases": [{"port": "a", "equals": 1}]}, "cases[0].equals", "no `value`"),
        ("branch", {"value": 1, "cases": [{"port": "a"}]}, "cases[0]", "one of them"),
        ("branch", {"value": 1, "cases": [{"port": "a b", "equals": 1}]}, "cases[0].port", "a port is named by"),
        ("branch", {"value": 1, "cases": [{"port": "error", "equals": 1}]}, "cases[0].port", "reserved"),
        ("branch", {"value": 1, "cases": [{"port": "{{ x }}", "equals": 1}]}, "cases[0].port", "fixed name"),
        ("branch", {"value": 1, "cases": "{{ input.cases }}"}, "cases", "written out"),
        ("branch", {"value": 1, "cases": []}, "cases", "add one"),
    ],
)
def test_a_parameter(kind: str, params: dict[str, Any], path: str, words: str) -> None:
    found = problems(definition(node("a", kind, params)))
    where = f"{NODE}.params.{path}" if path else f"{NODE}.params"
    assert any(there == where and words in message for there, message in found), found


@pytest.mark.parametrize(
    ("edges", "path", "words"),
    [
        ([edge("a", "z")], "edges[0].to", "there is no node `z`"),
        ([edge("main", "a")], "edges[0].from", "only groups"),
        ([edge("a", "a")], "edges[0]", "cannot follow itself"),
        ([edge("a", "b"), edge("a", "b")], "edges[1]", "twice"),
        ([edge("a", "b", "true")], "edges[0].port", "no named ports"),
        ([edge("c", "b", "maybe")], "edges[0].port", "its ports are: true, false"),
        ([edge("c", "b", "error")], "edges[0].port", "onError: port"),
        ([{"from": "a"}], "edges[0].to", "needs `to`"),
        ([{"from": "a", "to": ["b"]}], "edges[0].to", "needs `to`"),
        ([{"from": "a", "to": "b", "when": 1}], "edges[0].when", "no field `when`"),
        (["a"], "edges[0]", "must be an object"),
        ([edge("a", "b"), edge("b", "a")], "edges", "a → b → a"),
    ],
)
def test_an_edge(edges: list[Any], path: str, words: str) -> None:
    source = definition(node("a"), node("b"), node("c", "branch", {"condition": True})) | {"edges": edges}
    where, message = only(source)
    assert where == path
    assert words in message


@pytest.mark.parametrize(
    ("source", "path", "words"),
    [
        ([], "", "object with `containers`, not a list"),
        ({}, "containers", "no node"),
        ({"containers": {}}, "containers", "a list of containers"),
        ({"containers": [5]}, "containers[0]", "must be an object"),
        (chain(1) | {"schema": 2}, "schema", "schema 1"),
        (chain(1) | {"triggers": [{"type": "mail"}]}, "triggers[0].type", "`manual`, `api`"),
        (chain(1) | {"triggers": [{"type": "execution"}]}, "triggers[0].id", "needs an `id`"),
        (chain(1) | {"triggers": [FOLLOWS, FOLLOWS]}, "triggers[1].id", "used by another trigger"),
        (chain(1) | {"triggers": [FOLLOWS | {"workflowId": "x"}]}, "triggers[0].workflowId", "id of the workflow"),
        (chain(1) | {"triggers": [FOLLOWS | {"on": []}]}, "triggers[0].on", "at least one"),
        (chain(1) | {"triggers": [FOLLOWS | {"on": [[]]}]}, "triggers[0].on", "at least one"),
        (chain(1) | {"triggers": [FOLLOWS | {"cron": ""}]}, "triggers[0].cron", "no field `cron`"),
        (chain(1) | {"settings": {"timeoutMs": 0}}, "settings.timeoutMs", "from 1 to"),
        (chain(1) | {"settings": {"maxConcurrent": 0}}, "settings.maxConcurrent", "from 1 to"),
        (chain(1) | {"settings": {"maxPerKey": 2}}, "settings.maxPerKey", "needs a `concurrencyKey`"),
        (chain(1) | {"settings": {"concurrencyKey": "k"}}, "settings.concurrencyKey", "an expression over the input"),
        (chain(1) | {"settings": {"concurrencyKey": "{{ steps.a }}"}}, "settings.concurrencyKey", "`input` only"),
        (chain(1) | {"settings": {"concurrencyKey": "{{ input. }}"}}, "settings.concurrencyKey", ""),
        (chain(1) | {"settings": {"rate": {"max": 5}}}, "settings.rate", "both `max` and `perMs`"),
        (chain(1) | {"settings": {"onFailure": {}}}, "settings.onFailure.workflowId", "the id of a workflow"),
        (chain(1) | {"settings": {"onFailure": {"workflow": 1}}}, "settings.onFailure.workflow", "no field"),
        (chain(1) | {"settings": {"onFailure": []}}, "settings.onFailure", "must be text"),
        (chain(1) | {"settings": {"onFailure": "exec-1"}}, "settings.onFailure", "the id of a workflow"),
        (chain(1) | {"nodes": []}, "nodes", "a definition has no field"),
        (chain(1_001), "containers[0].nodes", "at most 1,000"),
    ],
)
def test_the_whole(source: Any, path: str, words: str) -> None:
    found = problems(source)
    assert any(where == path and words in message for where, message in found), found


@pytest.mark.parametrize(
    ("more", "path", "words"),
    [
        ({"forEach": "input.items"}, "forEach", "a list, or an expression"),
        ({"forEach": {}}, "forEach", "a list, or an expression"),
        ({"forEach": [0] * 10_001}, "forEach", "at most 10,000"),
        ({"forEach": "{{ item }}"}, "forEach", "inside a loop only"),
        ({"forEach": "{{ steps.a.output }}"}, "forEach", "a is inside the container main"),
        ({"maxParallel": 3}, "maxParallel", "add `forEach`"),
        ({"forEach": [1], "maxParallel": 0}, "maxParallel", "from 1 to"),
        ({"onError": "stop"}, "onError", "`fail` or `continue` or `port`"),
        ({"fallback": 1}, "fallback", "`onError: continue` only"),
        ({"join": "any"}, "join", "only groups"),
        ({"parent": "nobody"}, "parent", "no container with this id"),
        ({"parent": "main"}, "parent", "inside itself"),
        ({"id": "a"}, "nodes[0].id", "more than once"),
        ({"title": "x"}, "title", "no field `title`"),
    ],
)
def test_a_container(more: dict[str, Any], path: str, words: str) -> None:
    source = definition(node("a"))
    source["containers"][0] |= more
    where, message = only(source)
    assert where == f"containers[0].{path}"
    assert words in message


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("{{ steps.c.output }}", "c does not run before b"),
        ("{{ steps.b.output }}", "by b itself"),
        ("{{ steps.main.output }}", "only groups"),
        ("{{ steps.aa.output }}", "near: a"),
        ("{{ item.id }}", "inside a loop only"),
    ],
)
def test_what_an_expression_may_read(text: str, words: str) -> None:
    source = definition(node("a"), node("b", params={"output": {"deep": [text]}}), node("c"))
    where, message = only(source)
    assert where == "containers[0].nodes[1].params.output.deep[0]"
    assert words in message


def test_a_sibling_is_not_an_ancestor() -> None:
    source = definition(
        node("a"),
        node("b"),
        node("c", params={"output": "{{ steps.b.output }}"}),
        edges=[edge("a", "b"), edge("a", "c")],
    )
    assert "b does not run before c: lead an edge" in only(source)[1]


def test_separate_cycles_are_named_separately_and_what_hangs_on_them_is_not() -> None:
    nodes = [node(name) for name in "abcdefg"]
    pairs = ["ab", "ba", "bc", "cd", "de", "ed", "ef", "ga"]
    found = problems(definition(*nodes, edges=[edge(*pair) for pair in pairs]))
    assert [message.split(": ")[1].split(";")[0] for _, message in found] == ["a → b → a", "d → e → d"]


def test_a_definition_that_is_too_large_is_refused_unread() -> None:
    path, message = only(definition(node("a", params={"output": "x" * 1_000_001})))
    assert path == ""
    assert "1,000,000" in message


def test_values_that_cannot_be_stored_are_refused_with_their_path() -> None:
    assert only(definition(node("a", params={"output": "\x00"})))[0] == f"{NODE}.params.output"
    assert only(definition(node("a", params={"output": float("nan")})))[0] == f"{NODE}.params.output"


def test_big_inputs_are_not_echoed() -> None:
    long = "x" * 50_000
    source = {
        long: 1,
        "containers": [
            {"id": "c", "nodes": [{"id": "a", "type": long, long: 1, "params": {long: {long: "{{ " + long}}}]},
            {"id": "d", "nodes": [{"id": "b", "type": "http.request", "params": {"url": long, long: {long: "{{ x"}}}]},
        ],
        "edges": [{"from": long, "to": "a", "port": "p"}],
    }
    assert len(json.dumps(problems(source))) < 10_000


def test_hostile_amounts_of_problems_end_at_a_limit() -> None:
    source = chain(1) | {f"k{number}": 1 for number in range(50_000)}
    assert len(problems(source)) == 500


def scoped(*edges: dict[str, str], text: str = "x") -> dict[str, Any]:
    """`a`, then the loop `each` with `b` and `c` inside and an empty-handed group `inner`, then `d`."""
    return {
        "schema": 1,
        "containers": [
            container("main", [node("a")]),
            loop("each", [node("b", params={"output": text}), node("c")], [1]),
            container("inner", [node("e")], parent="each"),
            container("after", [node("d")]),
        ],
        "edges": list(edges),
    }


@pytest.mark.parametrize(
    ("edges", "path", "words"),
    [
        ([edge("a", "b")], "edges[0].to", "b is inside the container each"),
        ([edge("c", "d")], "edges[0].from", "c is inside the container each"),
        ([edge("each", "b")], "edges[0]", "one inside the other"),
        ([edge("each", "d", "error")], "edges[0].port", "give the container `onError: port`"),
        ([edge("each", "d", "true")], "edges[0].port", "no named ports"),
        ([edge("b", "c"), edge("c", "b")], "edges", "b → c → b"),
    ],
)
def test_an_edge_of_a_scope(edges: list[dict[str, str]], path: str, words: str) -> None:
    where, message = only(scoped(*edges))
    assert where == path
    assert words in message


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("{{ steps.c.output }}", "c does not run before b"),
        ("{{ steps.d.output }}", "d does not run before each"),
    ],
)
def test_what_an_expression_in_a_scope_may_not_read(text: str, words: str) -> None:
    where, message = only(scoped(text=text))
    assert where == "containers[1].nodes[0].params.output"
    assert words in message


def test_what_an_expression_outside_a_scope_may_not_read() -> None:
    source = scoped()
    source["containers"][3]["nodes"][0]["params"] = {"output": "{{ steps.e.output }}"}
    assert "read steps.each.output" in only(source)[1]


def test_a_scope_needs_a_node() -> None:
    source = scoped()
    source["containers"].append(loop("empty", [], [1]))
    assert only(source) == ("containers[4]", "this container is empty: add a node, or remove it")


def test_containers_are_nested_to_a_limit() -> None:
    around = [container(f"c{depth}", [], parent=f"c{depth - 1}" if depth else "") for depth in range(9)]
    around[8]["nodes"] = [node("a")]
    assert only({"schema": 1, "containers": around}) == (
        "containers[8].parent",
        "containers are nested more than 8 deep: put a part into a workflow of its own",
    )
