"""Arithmetic and comparisons mean what Python means by them."""

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from shared.expr import ExpressionError
from tests.unit.expr.cases import evaluate

NUMBERS = st.one_of(
    st.integers(-(10**30), 10**30).map(str),
    st.integers(-9, 9).map(str),
    st.floats(-1e12, 1e12, allow_nan=False).map(repr),
).map(lambda text: f"({text})")
ARITHMETIC = st.recursive(
    NUMBERS,
    lambda inner: st.one_of(
        st.builds("({} {} {})".format, inner, st.sampled_from(["+", "-", "*", "/", "//", "%"]), inner),
        st.builds("(-{})".format, inner),
        st.builds("({} if {} < {} else {})".format, inner, inner, inner, inner),
        st.builds("abs({})".format, inner),
        st.builds("max({}, {})".format, inner, inner),
    ),
    max_leaves=10,
)
COMPARISONS = st.builds(
    "{} {} {} {} {}".format,
    ARITHMETIC,
    st.sampled_from(["<", "<=", ">", ">=", "==", "!="]),
    ARITHMETIC,
    st.sampled_from(["<", "and", "or", "==", "and not"]),
    ARITHMETIC,
)
TEXTS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\x00"), max_size=6).map(repr)
TEXT = st.one_of(
    st.builds("{} + {} * 2".format, TEXTS, TEXTS),
    st.builds("{} in {}".format, TEXTS, TEXTS),
    st.builds("{} < {}".format, TEXTS, TEXTS),
    st.builds("{}[{}:{}]".format, TEXTS, st.integers(-8, 8), st.integers(-8, 8)),
    st.builds("sorted([{}, {}, {}])".format, TEXTS, TEXTS, TEXTS),
    st.builds("[x + {} for x in [{}, {}] if x != {}]".format, TEXTS, TEXTS, TEXTS, TEXTS),
)


def python(source: str) -> Any:
    """What Python makes of it; None where it has no finite answer."""
    try:
        value = eval(source, {"__builtins__": {"abs": abs, "max": max, "sorted": sorted}})
    except ArithmeticError:
        return None
    return None if isinstance(value, float) and value - value != 0 else value


@settings(deadline=None, max_examples=400)
@given(st.one_of(ARITHMETIC, COMPARISONS, TEXT))
def test_agrees_with_python(source: str) -> None:
    expected = python(source)
    try:
        result = evaluate(source)
    except ExpressionError as error:
        # Python goes on with an infinity inside a comparison, where we stop.
        assert error.code == "EXPRESSION_VALUE"
        assert expected is None or "too large" in error.message
        return
    assert result == expected
    assert type(result) is type(expected)
