"""Templates: types kept, text mixed, parts shared, every problem with its path."""

import pytest

from shared.domain.errors import Problem
from shared.expr import EMPTY, Budget, ExpressionError, TemplateErrors, compile_template
from tests.unit.expr.cases import NOW, SCOPE


def test_without_expressions_the_source_itself_is_the_result() -> None:
    source = {"a": [1, {"b": "no braces { here }"}], "c": None}
    template = compile_template(source)
    assert template.evaluate(SCOPE) is source
    assert template.source is source
    assert not template.has_expressions
    assert template.reads == template.names == frozenset()
    assert EMPTY.evaluate({}) == {}


def test_one_expression_keeps_its_type_and_shares_the_scope() -> None:
    assert compile_template("{{ input.rows }}").evaluate(SCOPE) is SCOPE["input"]["rows"]
    assert compile_template("{{input.count}}").evaluate(SCOPE) == 3
    assert compile_template(["{{ input.none }}"]).evaluate(SCOPE) == [None]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (" {{ input.count }}", " 3"),
        ("{{ input.name }}{{ input.name }}", "AnnAnn"),
        ("<{{ input.none }}>", "<>"),
        ("{{ true }}/{{ false }}", "true/false"),
        ("{{ input.price }} {{ 2.0 }} {{ 1e22 }} {{ 1 / 3 }}", "2.5 2 1e+22 0.3333333333333333"),
        ("x{{ input.tags }}", 'x["b","a","b"]'),
        ("x{{ {'a': input.city} }}", 'x{"a":"Zürich 😀"}'),
        ("at {{ now }}", "at 2030-01-02T03:04:05Z"),
        ("{{ 'a}}b' }}!", "a}}b!"),
        ("{{ {'a': {'b': 1}}}}!", '{"a":{"b":1}}!'),
        ("{ {{ 1 }} }", "{ 1 }"),
        ("{{ '{{' }} literal }}", "{{ literal }}"),
        ("big {{ 10000000000000000000000000 }} {{ [10000000000000000000000000] }}", f"big {10**25} [{10**25}]"),
    ],
)
def test_mixed_text(text: str, expected: str) -> None:
    assert compile_template(text).evaluate(SCOPE) == expected


def test_what_a_template_knows_of_itself() -> None:
    template = compile_template(
        {
            "url": "http://x/{{ steps.fetch.output.status }}",
            "body": {"list": [1, "{{ steps['other'].output | default([i.id for i in input.rows]) }}"]},
            "static": {"deep": ["{no}"]},
        }
    )
    assert template.reads == {"fetch", "other"}
    assert template.names == {"steps", "input"}
    assert template.has_expressions
    result = template.evaluate(SCOPE)
    assert result["url"] == "http://x/200"
    assert result["body"] == {"list": [1, [2, 1]]}
    assert result["static"] is template.source["static"]


def test_a_comprehension_name_that_hides_a_root_is_no_read() -> None:
    template = compile_template("{{ [steps.x for steps in input.rows] | len }}")
    assert template.reads == frozenset()
    assert template.names == {"input"}


def test_all_problems_at_once_with_their_paths() -> None:
    with pytest.raises(TemplateErrors) as caught:
        compile_template(
            {
                "headers": {"X-Id": "{{ inptu.id }} and {{ nope() }}"},
                "cases": [{"when": "ok"}, {"when": "{{ foo + bar }}"}],
                "open": "{{ input.x",
                "{{ key }}": 1,
                "odd": {1, 2},
            },
            path="params",
        )
    assert [problem.path for problem in caught.value.problems] == [
        "params.headers.X-Id",
        "params.headers.X-Id",
        "params.cases[1].when",
        "params.cases[1].when",
        "params.open",
        "params.{{ key }}",
        "params.odd",
    ]
    assert all(isinstance(problem, Problem) and problem.message for problem in caught.value.problems)


def test_a_template_that_is_too_deep_is_refused() -> None:
    value: object = "{{ input }}"
    for _ in range(5_000):
        value = [value]
    with pytest.raises(TemplateErrors, match="flatter"):
        compile_template(value)


def test_one_budget_for_the_whole_template() -> None:
    template = compile_template(["{{ 'x' * 4_000_000 }}"] * 3)
    with pytest.raises(ExpressionError) as caught:
        template.evaluate(SCOPE)
    assert caught.value.code == "EXPRESSION_BUDGET"
    assert len(template.evaluate(SCOPE, Budget(bytes=13_000_000))) == 3


def test_a_scope_that_breaks_its_promise_gives_an_expression_error() -> None:
    naive = NOW.replace(tzinfo=None)
    assert compile_template("{{ now }}").evaluate({"now": naive}) == "2030-01-02T03:04:05Z"
    with pytest.raises(ExpressionError) as caught:
        compile_template("{{ now > parse_date('2029-01-01') }}").evaluate({"now": naive})
    assert caught.value.code == "EXPRESSION_VALUE"


def test_a_large_input_passes_through_without_charge() -> None:
    big = [{"id": n, "text": "x" * 100} for n in range(150_000)]
    template = compile_template({"all": "{{ input.big }}", "status": "{{ input.ok }}"})
    result = template.evaluate({"input": {"big": big, "ok": True}}, Budget(steps=10, bytes=10))
    assert result["all"] is big
