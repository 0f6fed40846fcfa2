"""Random sources: nothing but our own errors comes out, and no attribute of a Python object is ever read."""

from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from shared.expr import ROOT_NAMES, Budget, ExpressionError, TemplateErrors, compile_template, describe
from tests.unit.expr.cases import SCOPE, is_plain

FUNCTIONS = [function.name for function in describe()]
fuzz = settings(deadline=None, max_examples=400, suppress_health_check=[HealthCheck.too_slow])


class Canary:
    """An object that must not be in a scope; it reports every attribute that somebody reads."""

    touched: list[str] = []  # noqa: RUF012 - read by the test

    def __getattribute__(self, name: str) -> Any:
        # isinstance() looks at __class__; nothing else may be looked at.
        if name != "__class__":
            Canary.touched.append(name)
        return object.__getattribute__(self, name)


def attempt(template: Any) -> None:
    """Compile and evaluate within a small budget; whatever happens must be on purpose and plain JSON."""
    budget = Budget(steps=2_000, bytes=200_000, depth=20)
    try:
        result = compile_template(template).evaluate({**SCOPE, "item": Canary(), "index": 0}, budget)
    except TemplateErrors as errors:
        assert errors.problems
        assert all(problem.message for problem in errors.problems)
    except ExpressionError as error:
        assert error.message
        assert error.code.startswith("EXPRESSION_")
    else:
        assert is_plain(result) or "item" in str(template)
    assert Canary.touched == []


DUNDERS = st.sampled_from(
    ["__class__", "__mro__", "__subclasses__", "__globals__", "__init__", "__dict__", "__builtins__", "mro", "format"]
    + ["f_globals", "gi_frame", "tb_frame", "_", "__import__", "real", "items", "name", "output", "id"]
)
NAMES = st.sampled_from([*ROOT_NAMES, *FUNCTIONS, "eval", "exec", "open", "getattr", "type", "__import__", "x", "true"])
LITERALS = st.one_of(
    st.integers().map(str),
    st.floats().map(repr),
    st.text(max_size=8).map(repr),
    st.sampled_from(
        ["''", "[]", "{}", "null", "'{0.__class__}'", "'%n'", "b''", "f'{input}'", "1e308", "'\\ud83d'", "9" * 400]
    ),
)


def _grow(inner: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    operators = [
        "+",
        "-",
        "*",
        "/",
        "//",
        "%",
        "**",
        "<<",
        "|",
        "&",
        "<",
        "==",
        "in",
        "not in",
        "is",
        "and",
        "or",
        "if",
    ]
    return st.one_of(
        st.builds("{}.{}".format, inner, DUNDERS),
        st.builds("({}).{}()".format, inner, DUNDERS),
        st.builds("{}[{}]".format, inner, inner),
        st.builds("{}[{}:{}]".format, inner, inner, inner),
        st.builds("({}) {} ({})".format, inner, st.sampled_from(operators), inner),
        st.builds("{}({})".format, NAMES, inner),
        st.builds("{}({}, {})".format, NAMES, inner, inner),
        st.builds("{} | {}".format, inner, NAMES),
        st.builds("{} | {}({})".format, inner, NAMES, inner),
        st.builds("[{} for x in {} if {}]".format, inner, inner, inner),
        st.builds("({} for x in {})".format, inner, inner),
        st.builds("(lambda: {})()".format, inner),
        st.builds("{{'a': {}, {}: 1}}".format, inner, inner),
        st.builds("[{}, {}]".format, inner, inner),
        st.builds("{} if {} else {}".format, inner, inner, inner),
        st.builds("-{}".format, inner),
        st.builds("(x := {})".format, inner),
    )


ATTACKS = st.recursive(st.one_of(NAMES, LITERALS), _grow, max_leaves=12)


@fuzz
@given(ATTACKS)
def test_attack_grammar(source: str) -> None:
    attempt(f"{{{{ {source} }}}}")
    attempt(f"text {{{{ {source} }}}} text")


@fuzz
@given(st.text(max_size=60))
def test_arbitrary_text_inside_braces(source: str) -> None:
    attempt(f"{{{{{source}}}}}")


@fuzz
@given(st.text(alphabet="{}[]()'\"\\|.,:+-*/% \n#=!<>&aifornot01\ud800\x00", max_size=60))
def test_arbitrary_punctuation(source: str) -> None:
    attempt(source)
    attempt(f"{{{{{source}}}}}")


@fuzz
@given(st.sampled_from(FUNCTIONS), st.lists(st.one_of(LITERALS, ATTACKS), max_size=3))
def test_functions_with_any_arguments(name: str, arguments: list[str]) -> None:
    attempt(f"{{{{ {name}({', '.join(arguments)}) }}}}")


JSON = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(allow_nan=False, allow_infinity=False), st.text()),
    lambda inner: st.one_of(st.lists(inner), st.dictionaries(st.text(), inner)),
    max_leaves=8,
)


@fuzz
@given(st.sampled_from(FUNCTIONS), JSON, JSON)
def test_functions_with_any_values(name: str, first: Any, second: Any) -> None:
    for arguments in ("input", "input, item", "input, item, input"):
        try:
            result = compile_template(f"{{{{ {name}({arguments}) }}}}").evaluate({"input": first, "item": second})
        except (ExpressionError, TemplateErrors):
            continue
        assert is_plain(result)


@fuzz
@given(JSON)
def test_a_value_without_braces_is_returned_as_it_is(value: Any) -> None:
    if "{{" not in str(value):
        assert compile_template(value).evaluate(SCOPE) is value


@pytest.mark.parametrize(
    "source",
    [
        "input.__class__",
        "''.__class__.__mro__",
        "[].__class__.__base__.__subclasses__()",
        "input['__class__']",
        "now.__class__",
        "item.__class__",
        "item.anything",
        "upper.__globals__",
        "(upper).__globals__",
        "[x.__class__ for x in [1]]",
        "'{0.__class__}' | format",
        "str.__class__",
        "pluck([item], '__class__')",
        "sorted([item], '__class__')",
        "json(item)",
        "str(item)",
        "item + 1",
        "item == 1 or item < 1",
        "len(item)",
    ],
)
def test_known_escapes_are_refused(source: str) -> None:
    with pytest.raises((ExpressionError, TemplateErrors)):
        compile_template(f"{{{{ {source} }}}}").evaluate({**SCOPE, "item": Canary()})
    assert Canary.touched == []
