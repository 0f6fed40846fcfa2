"""CPU bombs: each ends within its budget, whatever it asks for."""

import pytest

from shared.expr import Budget, ExpressionError, TemplateErrors, compile_template
from tests.unit.expr.cases import evaluate

# A large but legitimate input, as a step may have produced it.
LARGE = {
    "text": "ab" * 1_000_000,
    "twin": "ab" * 1_000_000,
    "rows": [{"id": n} for n in range(50_000)],
    "numbers": list(range(200_000)),
    "twins": list(range(200_000)),
    "long": "a" * 2_400,
    "needle": "a" * 500 + "b" + "a" * 500,
    "words": [f"{'w' * 200}{n}" for n in range(5_000)],
}
for _depth in range(300):
    LARGE = {**LARGE, "deep": [LARGE.get("deep")]}

BOMBS = [
    "[[[[x for x in range(99)] for y in range(99)] for z in range(99)] for w in range(99)]",
    "[contains(input.text, 'zz') for x in range(50000)]",
    "[input.text == input.twin for x in range(50000)]",
    "[input.text < input.twin for x in range(50000)]",
    "[input.text in [input.twin] for x in range(50000)]",
    "[input.numbers == input.twins for x in range(50000)]",
    "[-1 in input.numbers for x in range(50000)]",
    "[max(input.numbers) for x in range(50000)]",
    "[sum(input.numbers) for x in range(50000)]",
    "[sorted(input.words) | len for x in range(50000)]",
    "[input.words | join | len for x in range(50000)]",
    "[len(unique(input.numbers)) for x in range(50000)]",
    "[input.rows | pluck('id') | len for x in range(50000)]",
    "[x.nope | default(0) for x in input.rows + input.rows + input.rows]",
    "unique([x * 2305843009213693951 for x in range(40000)])",
    "[startswith(input.text, input.twin) for x in range(50000)]",
    "[replace(input.text, 'zz', '') | len for x in range(50000)]",
    "[url_encode(input.text) | len for x in range(50000)]",
    "[split(input.text, 'zz') | len for x in range(50000)]",
    "[input.text | trim | len for x in range(50000)]",
    "[parse_json('[' + '1,' * 9000 + '1]') | len for x in range(50000)]",
    "json(input.deep)",
    "input.deep == [input.deep]",
    "unique([input.deep])",
    "[('a' * 29000 | contains('a' * 49 + 'b' + 'a' * 49)) for x in range(50000)]",
    "[contains(input.long, input.needle) for x in range(50000)]",
    "[null[input.text] | default(0) for x in range(99000)]",
    "range(1000000000000)",
    "range(0, 1000000000000000)",
    "[1] * 999999999999",
    "'a' * 99999999999999999999999999",
    "9" + "*9" * 30 + " * " + "9" * 1100 + " * " + "9" * 1100,
]


@pytest.mark.timeout(60)
@pytest.mark.parametrize("source", BOMBS)
def test_a_bomb_ends_in_a_budget_error(source: str) -> None:
    budget = Budget()
    with pytest.raises(ExpressionError) as caught:
        evaluate(source, budget, input=LARGE)
    assert caught.value.code == "EXPRESSION_BUDGET"
    assert caught.value.message


@pytest.mark.timeout(60)
def test_values_that_share_their_parts_cannot_explode() -> None:
    doubled = "[1, 1]"
    for level in range(20):
        doubled = f"[[x{level}, x{level}] for x{level} in [{doubled}]][0]"
    for source in (doubled, f"json({doubled})", f"str({doubled})", f"{doubled} == {doubled}", f"unique([{doubled}])"):
        with pytest.raises(ExpressionError) as caught:
            evaluate(source)
        assert caught.value.code == "EXPRESSION_BUDGET"


@pytest.mark.timeout(60)
def test_an_error_never_writes_out_a_huge_key() -> None:
    doubled = "[1, 1]"
    for level in range(20):
        doubled = f"[[x{level}, x{level}] for x{level} in [{doubled}]][0]"
    for source in (f"[1][{doubled}]", f"null[{doubled}]", f"input[{doubled}]", "null[input.text]", "input[input.text]"):
        with pytest.raises(ExpressionError) as caught:
            evaluate(source, input=LARGE)
        assert len(caught.value.message) < 300


def test_a_flood_of_mistakes_is_cut_off() -> None:
    for flood in ("{{ " + "+".join(["zz()"] * 60) + " }}") * 3_000, "{{(}}" * 100_000, ["{{ uper(1) }}"] * 5_000:
        with pytest.raises(TemplateErrors) as caught:
            compile_template(flood)
        assert 1 <= len(caught.value.problems) <= 200


@pytest.mark.timeout(60)
def test_a_small_list_that_repeats_a_large_value_is_refused() -> None:
    for source in ("[input.text] * 100", "[input.text for x in range(100)]", "[{'t': input.rows} for x in range(100)]"):
        with pytest.raises(ExpressionError) as caught:
            evaluate(source, input=LARGE)
        assert caught.value.code == "EXPRESSION_BUDGET"


def test_the_counters_show_what_was_used() -> None:
    budget = Budget(steps=1_000, bytes=5_000, depth=8)
    evaluate("'a' * 1000 + 'b'", budget)
    assert 900 < budget.steps_left < 1_000
    assert 2_000 < 5_000 - budget.bytes_left < 3_000
    with pytest.raises(ExpressionError, match="more than 5,000 bytes"):
        evaluate("'a' * 4000", budget)
    with pytest.raises(ExpressionError, match="more than 1,000 operations"):
        evaluate("[[1 for x in range(40)] for y in range(40)]", Budget(steps=1_000))


def test_ordinary_work_stays_far_below_the_budget() -> None:
    budget = Budget()
    rows = [{"id": n, "name": f"row {n}", "price": n / 7} for n in range(2_000)]
    source = "[{'id': r.id, 'label': upper(r.name), 'total': round(r.price * 3, 2)} for r in input.rows if r.id % 2]"
    assert len(evaluate(source, budget, input={"rows": rows})) == 1_000
    assert budget.steps_left > 50_000
    assert budget.bytes_left > 8_000_000
