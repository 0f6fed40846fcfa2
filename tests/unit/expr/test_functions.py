"""Every function: what it returns, and that the manual and `describe` know it."""

from pathlib import Path
from typing import Any

import pytest

from shared.expr import ExpressionError, describe
from tests.unit.expr.cases import evaluate

MANUAL = Path(__file__).parents[3] / "docs" / "expressions.md"

EXAMPLES: dict[str, Any] = {
    "abs(-2)": 2,
    "format_date(add_time(now, 1, 'days'), '%Y-%m-%d %H:%M:%S %a %b %j %%')": "2030-01-03 03:04:05 Thu Jan 003 %",
    "base64('Zürich')": "WsO8cmljaA==",
    "bool('false')": False,
    "bool('x')": True,
    "ceil(1.2)": 2,
    "coalesce(null, 1)": 1,
    "contains(input.tags, 'a')": True,
    "contains('abc', 'bc')": True,
    "default(null, 2)": 2,
    "endswith('abc', 'bc')": True,
    "entries({'a': 1})": [{"key": "a", "value": 1}],
    "first([])": None,
    "first([1, 2])": 1,
    "flatten([[1], [2, [3]], 4])": [1, 2, [3], 4],
    "float('1.5e3')": 1500.0,
    "floor(-1.2)": -2,
    "int('-42')": -42,
    "int(3.9)": 3,
    "int(true)": 1,
    "join([1, null, 'a', true], ', ')": "1, , a, true",
    "json({'a': [1, null, now]})": '{"a":[1,null,"2030-01-02T03:04:05Z"]}',
    "keys({'b': 1, 'a': 2})": ["b", "a"],
    "last([1, 2])": 2,
    "len('😀')": 1,
    "lower('ÄB')": "äb",
    "max([1, 2.5])": 2.5,
    "max(now, parse_date('2031-01-01'))": "2031-01-01T00:00:00Z",
    "merge({'a': 1, 'b': 1}, {'b': 2})": {"a": 1, "b": 2},
    "min('b', 'a')": "a",
    "parse_json('{\"a\": [1, 12345678901234567890123]}')": {"a": [1, 12345678901234567890123]},
    "parse_date('2030-01-31T10:00:00+02:00')": "2030-01-31T08:00:00Z",
    "parse_date(1500)": "1970-01-01T00:00:01.500Z",
    "pluck(input.rows, 'id')": [2, 1],
    "pluck([{}], 'id')": [None],
    "range(3)": [0, 1, 2],
    "range(5, 0, -2)": [5, 3, 1],
    "replace('aXbX', 'X', '--')": "a--b--",
    "round(2.567, 1)": 2.6,
    "round(2.5)": 2,
    "round(1250, -2)": 1200,
    "slice([1, 2, 3], 1)": [2, 3],
    "slice('abc', 0, -1)": "ab",
    "sorted([3, 1.5, 2])": [1.5, 2, 3],
    "sorted(input.rows, 'name')": [{"id": 1, "name": "one"}, {"id": 2, "name": "two"}],
    "sorted(input.rows, 'id', true)": [{"id": 2, "name": "two"}, {"id": 1, "name": "one"}],
    "split('a,b,', ',')": ["a", "b", ""],
    "split('  a \\u2003 b\\n')": ["a", "b"],
    "startswith('abc', 'ab')": True,
    "str([1, 'a'])": '[1,"a"]',
    "str(2.0)": "2",
    "sum([1, 2.5])": 3.5,
    "sum([])": 0,
    "timestamp(now)": 1893553445000,
    "trim('  a ')": "a",
    "unbase64('WsO8cmljaA==')": "Zürich",
    "unique([1, 1.0, true, '1', 'a', 'a', [1], [1], null])": [1, True, "1", "a", [1], None],
    "upper('straße')": "STRASSE",
    "url_encode('a b/ü&')": "a%20b%2F%C3%BC%26",
    "values({'b': 1, 'a': 2})": [1, 2],
}


@pytest.mark.parametrize("source", EXAMPLES)
def test_result(source: str) -> None:
    result = evaluate(source)
    assert result == EXAMPLES[source]
    assert type(result) is type(EXAMPLES[source])


@pytest.mark.parametrize(
    "source",
    [
        "sorted([1, 'a'])",
        "sorted([[1], [2]])",
        "sorted([1, null])",
        "min([])",
        "max(1)",
        "range(0, 5, 0)",
        "range(1.5)",
        "split('a', '')",
        "replace('a', '', 'b')",
        "join('ab', ',')",
        "sum(['a'])",
        "sum([true])",
        "int('1_000')",
        "int('٣')",
        "float('nan')",
        "float('inf')",
        "float('1e9999')",
        "parse_json('{')",
        "parse_json('[NaN]')",
        "parse_json('1e400')",
        "parse_json('[1e400, 12345678901234567890]')",
        "unbase64('%%')",
        "unbase64('/w==')",
        "format_date(now, '%Q')",
        "format_date('2030-01-01', '%Y')",
        "parse_date('tomorrow')",
        "parse_date(1e300)",
        "add_time(now, 1, 'fortnights')",
        "add_time(now, 1e300, 'weeks')",
        "flatten('ab')",
        "pluck([1], 'id')",
        "pluck([{}], 1)",
        "entries([1])",
        "merge({}, [])",
        "round(1, 99)",
        "first(null)",
        "len(5)",
    ],
)
def test_wrong_arguments_are_refused_with_a_reason(source: str) -> None:
    with pytest.raises(ExpressionError) as caught:
        evaluate(source)
    assert caught.value.code in {"EXPRESSION_TYPE", "EXPRESSION_VALUE"}
    assert "cannot use this value" not in caught.value.message


def test_every_function_has_a_signature_a_sentence_an_example_and_a_line_in_the_manual() -> None:
    manual = MANUAL.read_text(encoding="utf-8")
    used = " ".join(EXAMPLES)
    for function in describe():
        assert function.signature.startswith(f"{function.name}(")
        assert function.help.endswith(".")
        assert f"{function.name}(" in used
        assert f"| `{function.signature}` | {function.help} |" in manual
    names = [function.name for function in describe()]
    assert names == sorted(names)
