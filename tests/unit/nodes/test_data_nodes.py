"""The data nodes on lists and objects: edges, bad input, limits. Their usual cases are the examples of their help."""

import time
from typing import Any

import pytest

from shared.domain.errors import InvalidDefinition, NodeError
from shared.nodes.catalogue import node_types
from shared.nodes.testing import evaluated, run_node


def run(type: str, /, **params: Any) -> Any:
    return run_node(node_types()[type], params).output


def error(type: str, /, **params: Any) -> NodeError:
    with pytest.raises(NodeError) as caught:
        run_node(node_types()[type], params)
    assert caught.value.code in node_types()[type].error_codes or caught.value.code == "INVALID_PARAMS"
    return caught.value


def refused(type: str, /, **params: Any) -> str:
    with pytest.raises(InvalidDefinition) as caught:
        evaluated(node_types()[type], params)
    return caught.value.problems[0].message


# -- set ---------------------------------------------------------------------------------------------------------------


def test_set_changes_a_copy() -> None:
    before = {"a": {"b": 1}, "list": [{"x": 1}]}
    after = run(
        "set",
        input=before,
        fields={"a.c": 2, "list[0].y": 3, '["odd.name"]': 4, "list[2]": 5},
        remove=["a.b", "no.such"],
    )
    assert after == {"a": {"c": 2}, "list": [{"x": 1, "y": 3}, None, 5], "odd.name": 4}
    assert before == {"a": {"b": 1}, "list": [{"x": 1}]}


@pytest.mark.parametrize(
    ("params", "part"),
    [
        ({"input": {"a": "text"}, "fields": {"a.b": 1}}, "`b` cannot be set in text"),
        ({"input": {"a": {}}, "fields": {"a[0]": 1}}, "[0] cannot be set in an object"),
        ({"input": {"a": []}, "fields": {"a[5000]": 1}}, "far outside"),
        ({"input": [1], "fields": {"a": 1}}, "Item 0 is not an object"),
    ],
)
def test_set_says_what_is_in_the_way(params: dict[str, Any], part: str) -> None:
    found = error("set", **params)
    assert found.code == "WRONG_PATH"
    assert part in found.message


@pytest.mark.parametrize("path", ["a..b", ".a", "a[", "a[x]", "a]b", "a.", 'a["b]', "", "a" * 600, ".".join("a" * 30)])
def test_paths_that_are_none_are_refused_before_a_run(path: str) -> None:
    assert refused("set", input={}, fields={path: 1})


def test_set_on_many_items_is_bounded() -> None:
    assert error("set", input=[{}] * 1_000, fields={"a": "x" * 100_000}).code == "PAYLOAD_TOO_LARGE"


# -- filter ------------------------------------------------------------------------------------------------------------

ITEMS = [{"n": 1, "t": "Apple"}, {"n": 2.0, "t": ""}, {"n": None, "t": "pear", "tags": ["x"]}, {}]


@pytest.mark.parametrize(
    ("row", "kept"),
    [
        ({"field": "n", "op": "equals", "value": 2}, [1]),
        ({"field": "n", "op": "equals", "value": "2"}, []),
        ({"field": "n", "op": "equals", "value": None}, [2]),
        ({"field": "n", "op": "notEquals", "value": 1}, [1, 2, 3]),
        ({"field": "n", "op": "greaterOrEqual", "value": 1.5}, [1]),
        ({"field": "n", "op": "less", "value": 2}, [0]),
        ({"field": "n", "op": "exists"}, [0, 1, 2]),
        ({"field": "n", "op": "notExists"}, [3]),
        ({"field": "t", "op": "empty"}, [1, 3]),
        ({"field": "t", "op": "notEmpty"}, [0, 2]),
        ({"field": "t", "op": "contains", "value": "p"}, [0, 2]),
        ({"field": "t", "op": "notContains", "value": "p"}, [1, 3]),
        ({"field": "t", "op": "startsWith", "value": "A"}, [0]),
        ({"field": "tags", "op": "contains", "value": "x"}, [2]),
        ({"field": "n", "op": "in", "value": [1, 2]}, [0, 1]),
        ({"field": "n", "op": "notIn", "value": [1, 2]}, [2, 3]),
        ({"op": "contains", "value": "tags"}, [2]),
        ({"field": "t", "op": "lessOrEqual", "value": "Apple"}, [0, 1]),
    ],
)
def test_filter(row: dict[str, Any], kept: list[int]) -> None:
    assert run("filter", items=ITEMS, conditions=[row]) == [ITEMS[index] for index in kept]


def test_filter_compares_a_large_value_once() -> None:
    value = [{"n": n} for n in range(20_000)]
    begun = time.process_time()
    assert run("filter", items=[1] * 20_000, conditions=[{"op": "notEquals", "value": value}]) == [1] * 20_000
    assert time.process_time() - begun < 5


def test_filter_tells_true_from_one() -> None:
    assert run("filter", items=[1, True, "1", 1.0], conditions=[{"op": "equals", "value": 1}]) == [1, 1.0]


@pytest.mark.parametrize(
    "row",
    [
        {"field": "n", "op": "greater", "value": "1"},
        {"field": "n", "op": "less", "value": None},
        {"field": "t", "op": "contains", "value": 1},
        {"field": "t", "op": "startsWith", "value": 1},
        {"field": "n", "op": "in", "value": 1},
    ],
)
def test_filter_refuses_what_cannot_be_compared(row: dict[str, Any]) -> None:
    assert error("filter", items=ITEMS, conditions=[row]).code == "NOT_COMPARABLE"


def test_filter_refuses_what_is_no_list_or_no_row() -> None:
    assert "list" in refused("filter", items={"a": 1}, conditions=[{"op": "exists"}])
    assert refused("filter", items=[], conditions=[{"op": "matches", "value": "(a+)+"}])
    assert refused("filter", items=[], conditions=[])


# -- sort, limit, deduplicate --------------------------------------------------------------------------------------------


def test_sort_orders_kinds_and_puts_nothing_last() -> None:
    items = [None, "b", 2, True, "a", 10, {"x": 1}, [1], 1.5, "B"]
    assert run("sort", items=items) == [1.5, 2, 10, "B", "a", "b", True, {"x": 1}, [1], None]
    assert run("sort", items=[3, None, 1, 2], by=[{"order": "desc"}]) == [3, 2, 1, None]
    assert run("sort", items=["b", "A", "a", "B"], ignoreCase=True) == ["A", "a", "b", "B"]


def test_sort_is_stable_in_both_directions() -> None:
    items = [{"k": n % 3, "n": n} for n in range(30)]
    for order in ("asc", "desc"):
        found = run("sort", items=items, by=[{"field": "k", "order": order}])
        for k in range(3):
            assert [item["n"] for item in found if item["k"] == k] == list(range(k, 30, 3))


def test_a_hundred_thousand_items_take_no_seconds() -> None:
    items = [{"k": (n * 7_919) % 100_003, "t": f"t{n % 997}"} for n in range(100_000)]
    begun = time.process_time()
    found = run("sort", items=items, by=[{"field": "t", "order": "desc"}, {"field": "k"}])
    assert found[0]["t"] == "t996"
    assert time.process_time() - begun < 4


@pytest.mark.parametrize(
    ("params", "kept"),
    [
        ({"count": 0}, []),
        ({"count": 9}, [1, 2, 3]),
        ({"count": 1, "skip": 5}, []),
        ({"count": 2, "keep": "last", "skip": 2}, [1]),
        ({"count": 2, "keep": "last", "skip": 9}, []),
    ],
)
def test_limit(params: dict[str, Any], kept: list[int]) -> None:
    assert run("limit", items=[1, 2, 3], **params) == kept


def test_deduplicate_whole_items() -> None:
    items = [1, 1.0, True, "1", {"a": 1, "b": [2]}, {"b": [2], "a": 1.0}, None, None]
    assert run("deduplicate", items=items) == [1, True, "1", {"a": 1, "b": [2]}, None]
    assert run("deduplicate", items=[{"k": None}, {}, {"k": 1}], by=["k"]) == [{"k": None}, {"k": 1}]


# -- aggregate -----------------------------------------------------------------------------------------------------------


def test_aggregate_of_nothing() -> None:
    totals = [
        {"as": do, "do": do, "field": "x"} for do in ("count", "sum", "avg", "min", "max", "first", "list", "distinct")
    ]
    empty = {"count": 0, "sum": 0, "avg": None, "min": None, "max": None, "first": None, "list": [], "distinct": []}
    assert run("aggregate", items=[], totals=totals) == empty
    assert run("aggregate", items=[], groupBy=["x"]) == []
    assert run("aggregate", items=[{"x": None}, {}], totals=totals) == empty


def test_aggregate_is_exact() -> None:
    assert run("aggregate", items=[0.1] * 10, totals=[{"as": "s", "do": "sum"}]) == {"s": 1.0}
    assert run("aggregate", items=[10**20, 1], totals=[{"as": "s", "do": "sum"}]) == {"s": 10**20 + 1}
    assert run("aggregate", items=[1, 1.0, "1", True], totals=[{"as": "n", "do": "countDistinct"}]) == {"n": 3}


def test_aggregate_groups_by_what_is_inside_and_by_what_is_missing() -> None:
    items = [{"c": {"x": 1}}, {"c": {"x": 1.0}}, {}, {"c": {"x": None}}]
    assert run("aggregate", items=items, groupBy=["c.x"]) == [
        {"c": {"x": 1}, "count": 2},
        {"c": {"x": None}, "count": 2},
    ]


@pytest.mark.parametrize(
    ("items", "do"), [(["1"], "sum"), ([True], "avg"), ([1e308, 1e308], "sum"), ([10**400, 1], "avg")]
)
def test_aggregate_refuses_what_is_no_number(items: list[Any], do: str) -> None:
    assert error("aggregate", items=items, totals=[{"as": "s", "do": do}]).code == "NOT_A_NUMBER"


def test_aggregate_cannot_repeat_its_items_without_end() -> None:
    totals = [{"as": f"t{n}", "do": "list"} for n in range(100)]
    assert error("aggregate", items=["x" * 1_000_000], totals=totals).code == "PAYLOAD_TOO_LARGE"


def test_aggregate_names_in_each_others_way() -> None:
    assert (
        error("aggregate", items=[{"a": 1}], groupBy=["a"], totals=[{"as": "a.b", "do": "count"}]).code == "WRONG_PATH"
    )


# -- merge -----------------------------------------------------------------------------------------------------------------


def test_join() -> None:
    left, right = (
        [{"k": 1, "a": 1}, {"k": 2, "a": 2}, {"a": 3}],
        [{"k": 1, "b": 1}, {"k": 1.0, "b": 2}, {"k": 3, "b": 3}],
    )
    inner = [{"k": 1, "a": 1, "b": 1}, {"k": 1.0, "a": 1, "b": 2}]
    assert run("merge", left=left, right=right, mode="join", on=["k"]) == inner
    kept = [*inner, {"k": 2, "a": 2}, {"a": 3}]
    assert run("merge", left=left, right=right, mode="join", on=["k"], how="left") == kept
    assert run("merge", left=left, right=right, mode="join", on=["k"], how="full") == [*kept, {"k": 3, "b": 3}]


def test_a_join_that_explodes_is_refused() -> None:
    same = [{"k": 1}] * 2_000
    assert error("merge", left=same, right=same, mode="join", on=["k"]).code == "PAYLOAD_TOO_LARGE"
    long = [{"k": 1, "text": "x" * 1_000_000}]
    assert error("merge", left=same, right=long, mode="join", on=["k"]).code == "PAYLOAD_TOO_LARGE"


def test_zip_of_different_lengths() -> None:
    left, right = [{"a": 1}, {"a": 2}], [{"b": 1}]
    assert run("merge", left=left, right=right, mode="zip") == [{"a": 1, "b": 1}]
    assert run("merge", left=left, right=right, mode="zip", how="left", rightAs="r") == [
        {"a": 1, "r": {"b": 1}},
        {"a": 2, "r": None},
    ]
    assert run("merge", left=[], right=right, mode="zip", how="full") == [{"b": 1}]
    assert error("merge", left=[1], right=[2], mode="zip").code == "NOT_AN_OBJECT"


def test_merge_refuses_what_does_not_fit() -> None:
    assert "two lists" in refused("merge", left={}, right=[])
    assert "two objects" in refused("merge", left=[], right=[], mode="objects")
    assert "in common" in refused("merge", left=[], right=[], mode="join")
    assert run("merge", left={"a": {"x": 1}}, right={"a": {"y": 2}}, mode="objects") == {"a": {"y": 2}}


# -- text ------------------------------------------------------------------------------------------------------------------


def test_text_of_lists() -> None:
    items = [{"a": {"b": 1.0}, "l": [1, None]}, {"a": None}, "x"]
    assert (
        run("text", text=items, each="{a.b}|{l}|{}", separator=";")
        == '1|[1,null]|{"a":{"b":1.0},"l":[1,null]};||{"a":null};||x'
    )
    assert run("text", text=[1, None, True, "x"], separator=",") == "1,,true,x"
    assert run("text", text=" ß \n", trim=True, case="upper") == "SS"
    assert error("text", text=[1], each="{a..b}").code == "WRONG_PATH"
    assert error("text", text=["x" * 1_000] * 1_000, each="{}" * 100).code == "PAYLOAD_TOO_LARGE"
    assert error("text", text=["x" * 10_000_000], each="{}" * 5_000).code == "PAYLOAD_TOO_LARGE"
    assert run("text", text="abcdef", maxLength=3) == "ab…"
