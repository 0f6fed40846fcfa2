"""What is told about a query when the workflow is saved."""

from typing import Any

import pytest

from shared.databases.beforehand import never_sent
from shared.nodes.db_query import DbQuery

CREDENTIAL = "cred-00000000000000000000000001"


@pytest.mark.parametrize(
    ("sql", "values", "words"),
    [
        ("SELECT :a", {}, "the parameter :a"),
        ("SELECT :a", {"a": 1, "b": 2}, "`params` has b"),
        ("SELECT 1; SELECT 2", {}, "only one statement"),
        ("DELETE FROM t", {}, "set `mode`"),
        ("SELECT 'x", {}, "never closed"),
        ("-- nothing", {}, "no statement"),
    ],
)
def test_what_no_database_would_be_sent(sql: str, values: dict[str, Any], words: str) -> None:
    assert words in str(never_sent(sql, values, write=False))


@pytest.mark.parametrize(
    ("sql", "values", "write"),
    [
        ("SELECT :a", {"a": "{{ input.a }}"}, False),
        ("SELECT :a", None, False),
        ("SELECT :1", [1], False),
        ("DELETE FROM t", {}, True),
        # Text in one of them, a name in quotes or a slice in another.
        ("SELECT '\\', :a", {"a": 1}, False),
        ("SELECT '\\':a', 1", {}, False),
        ("SELECT a[1:2]", {}, False),
    ],
)
def test_what_one_of_them_might_take_is_left_to_it(sql: str, values: Any, *, write: bool) -> None:
    assert never_sent(sql, values, write=write) is None


@pytest.mark.parametrize(
    ("params", "problems"),
    [
        ({"query": "SELECT :a"}, 1),
        ({"query": "SELECT :a", "params": "{{ input }}"}, 0),
        ({"query": "DELETE FROM t", "mode": "{{ input.mode }}"}, 0),
        ({"query": "DELETE FROM t", "mode": "write"}, 0),
        ({"query": "DELETE FROM t"}, 1),
        ({"query": ""}, 1),
    ],
)
def test_it_is_a_problem_of_the_definition(params: dict[str, Any], problems: int) -> None:
    dynamic = {name for name in ("params", "mode") if "{{" in str(params.get(name))}
    found = DbQuery().param_problems({"credential": CREDENTIAL, **params}, dynamic)
    assert [path for path, _ in found] == ["query"] * problems
