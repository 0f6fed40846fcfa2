"""Syntax and its meaning."""

from typing import Any

import pytest

from shared.expr import ExpressionError, TemplateErrors, compile_template
from shared.expr.errors import near
from tests.unit.expr.cases import evaluate


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("steps.fetch.output.body.items[0].id", 7),
        ('steps["fetch"].output["status"]', 200),
        ("input.rows[-1].name", "one"),
        ("input.from", "a@example.org"),
        ("'input.from' + input.from", "input.froma@example.org"),
        ("input.name[0]", "A"),
        ("input.tags[1:]", ["a", "b"]),
        ("input.name[:2]", "An"),
        ("input.rows[input.count - 2].id", 1),
        ("{'a': {'b': [1]}}.a.b[0]", 1),
        ("1 + 2 * 3 - 4 / 2", 5.0),
        ("7 // 2 + 7 % 4", 6),
        ("-input.count", -3),
        ("'a' + 'b'", "ab"),
        ("[1] + [2]", [1, 2]),
        ("'ab' * 2", "abab"),
        ("2 * [0]", [0, 0]),
        ("1 < 2 <= 2 != 3", True),
        ("1 == 1.0", True),
        ("1 == true", False),
        ("[1, {'a': 2}] == [1.0, {'a': 2}]", True),
        ("'nn' in input.name and 'b' in input.tags and 'count' in input", True),
        ("9 not in [1, 2]", True),
        ("input.none or 'fallback'", "fallback"),
        ("0 and 1", 0),
        ("not input.none", True),
        ("'many' if input.count > 2 else 'few'", "many"),
        ("[row.id * 2 for row in input.rows if row.id > 1]", [4]),
        ("[[x + y for y in [10, 20]] for x in [1, 2]]", [[11, 21], [12, 22]]),
        ("[item.id for item in input.rows]", [2, 1]),
        ("[true, false, null, True, None]", [True, False, None, True, None]),
        ("input.tags | unique | sorted | join('-') | upper", "A-B"),
        ("input.missing | default(5)", 5),
        ("input.none.deep[3].er | default('d')", "d"),
        ("steps.skipped.output.x | default(0) > 5", False),
        ("item.id | default('no item')", "no item"),
        ("coalesce(input.a, input.none, input.rows[9], input.name)", "Ann"),
        ("\"}}\" + '{{'", "}}{{"),
        ("\n  input.count\n  + 1\n", 4),
        ("now", "2030-01-02T03:04:05Z"),
        ("[now, {'at': now}]", ["2030-01-02T03:04:05Z", {"at": "2030-01-02T03:04:05Z"}]),
        ("now > parse_date('2029-12-31')", True),
        ("10000000000000000000000 * 10000000000000000000000", 10**44),
    ],
)
def test_meaning(source: str, expected: Any) -> None:
    result = evaluate(source)
    assert result == expected
    assert type(result) is type(expected)


@pytest.mark.parametrize(
    ("source", "code", "words"),
    [
        ("steps.fetch.output.nme", "EXPRESSION_NAME", "no field 'nme' in steps.fetch.output; near: name"),
        ("steps.fetch.output.body.items[3].id", "EXPRESSION_NAME", "no index 3 in steps.fetch.output.body.items"),
        ("steps.other.output", "EXPRESSION_NAME", "no field 'other' in steps; there is: fetch"),
        ("item.id", "EXPRESSION_NAME", "only inside a forEach"),
        ("input.none.x", "EXPRESSION_NAME", "input.none is null"),
        ("input.name.first", "EXPRESSION_TYPE", "input.name is text"),
        ("input.tags.first", "EXPRESSION_TYPE", "use an index"),
        ("input.count.real", "EXPRESSION_TYPE", "a number, which has no fields"),
        ("now.year", "EXPRESSION_TYPE", "a date, which has no fields"),
        ("input.name + 1", "EXPRESSION_TYPE", "str(x)"),
        ("true + 1", "EXPRESSION_TYPE", "+ cannot combine true/false and a number"),
        ("'%s' % 1", "EXPRESSION_TYPE", "% cannot combine"),
        ("1 < 'a'", "EXPRESSION_TYPE", "cannot compare a number with text"),
        ("1 in 'a1'", "EXPRESSION_TYPE", "use str(x)"),
        ("{input.count: 1}", "EXPRESSION_TYPE", "keys of an object are text"),
        ("[x for x in input]", "EXPRESSION_TYPE", "entries(x)"),
        ("1 / 0", "EXPRESSION_VALUE", "guard it"),
        ("1e300 * 1e300", "EXPRESSION_VALUE", "too large"),
        ("upper(1)", "EXPRESSION_TYPE", "upper() needs text, not a number"),
        ("int('x')", "EXPRESSION_VALUE", "digits only"),
    ],
)
def test_errors_while_evaluating_say_what_to_do(source: str, code: str, words: str) -> None:
    with pytest.raises(ExpressionError) as caught:
        evaluate(source)
    assert caught.value.code == code
    assert words in caught.value.message
    assert caught.value.source == source
    assert caught.value.column >= 1


@pytest.mark.parametrize(
    ("source", "words"),
    [
        ("inptu.name", "unknown name 'inptu'; near: input"),
        ("uper(input.name)", "unknown function 'uper'; near: upper"),
        ("input.name | trm", "near: trim"),
        ("upper", "call it as upper"),
        ("upper(1, 2)", "it is upper(text)"),
        ("round(number=1)", "no named arguments"),
        ("input.name.upper()", "as in x | upper"),
        ("input.x && true", "write `and`"),
        ("input.x || true", "write `or`"),
        ("input.x ? 1 : 2", "a if condition else b"),
        ("!input.x", "write `not x`"),
        ("2 ** 8", "powers"),
        ("1 << 9", "bit operations"),
        ("~1", "only - and not"),
        ("1 is 1", "write == instead"),
        ("lambda: 1", "cannot be defined"),
        ("f'{input}'", "f-strings"),
        ("(1, 2)", "write a [list]"),
        ("{1, 2}", "sets"),
        ("{k: 1 for k in input.tags}", "[list] comprehensions"),
        ("sum(x for x in input.tags)", "put [ ] around"),
        ("[x for x in input.a for y in input.b]", "one `for`"),
        ("[*input.tags]", "flatten()"),
        ("{**input}", "merge()"),
        ("(x := 1)", "assignments"),
        ("b'x'", "not part of the expression language"),
        ("1j", "not part of the expression language"),
        ("...", "not part of the expression language"),
        ("1e999", "too large"),
        ("'\\ud800'", "lone surrogate"),
        ("steps", "followed by the id of a node"),
        ("steps[input.name]", "followed by the id of a node"),
        ("keys(steps)", "followed by the id of a node"),
        ("input.x[::2]", "no step"),
        ("await input", "not part of the expression language"),
        ("yield", "check this place"),
        ("", "empty"),
        ("1 +", "check this place"),
        ("(" * 300, "nested deeper"),
        ("-" * 3000 + "1", "nested too deep"),
        ("1" + "+1" * 500, "nested deeper"),
        ("'" + "x" * 5000 + "'", "at most 4,096"),
        ("input" + "[0]" * 65, "more than 64 parts"),
        ("input.x\x00", "null"),
    ],
)
def test_mistakes_are_found_when_compiling(source: str, words: str) -> None:
    with pytest.raises(TemplateErrors) as caught:
        compile_template({"a": f"{{{{ {source} }}}}"}, path="params")
    assert [problem.path for problem in caught.value.problems] == ["params.a"]
    assert words in caught.value.problems[0].message


def test_columns_count_characters_of_the_trimmed_expression() -> None:
    with pytest.raises(ExpressionError) as caught:
        evaluate("   'Zürich 😀' + input.nope")
    assert caught.value.source == "'Zürich 😀' + input.nope"
    assert caught.value.column == 14


@pytest.mark.parametrize(
    ("count", "text"), [(2, "; there is: n0, n1"), (9, "; there is: n0, n1, n2, n3, n4, n5, n6, n7, …")]
)
def test_a_list_of_what_there_is_says_where_it_is_cut(count: int, text: str) -> None:
    assert near("zzzz", [f"n{number}" for number in range(count)]) == text
