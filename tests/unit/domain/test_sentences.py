"""Every error that pydantic can raise for one of our models has a sentence of ours."""

from collections.abc import Iterator
from importlib import import_module
from pkgutil import walk_packages
from typing import Annotated, Any, Literal

import pytest
from pydantic import AfterValidator, BaseModel, Field, SecretStr, ValidationError

import services.api
import shared.credentials
import shared.nodes
import shared.settings
from shared.domain.sentences import OTHER, WRONG_KIND, all_problems, first_problem, path_of, phrase, sentence

RAISES: dict[str, set[str]] = {
    "bool": {"bool_type", "bool_parsing"},
    "datetime": {"datetime_type", "datetime_parsing", "datetime_from_date_parsing"},
    "decimal": {"decimal_type", "decimal_parsing", "finite_number", "is_instance_of"},
    "dict": {"dict_type"},
    "float": {"float_type", "float_parsing", "finite_number"},
    "int": {"int_type", "int_parsing", "int_from_float", "int_parsing_size", "finite_number"},
    "is-instance": {"is_instance_of"},
    "list": {"list_type"},
    "literal": {"literal_error"},
    "lax-or-strict": {"path_type"},
    "model": {"model_type", "model_attributes_type"},
    "model-fields": {"missing", "extra_forbidden", "model_type", "model_attributes_type"},
    "none": {"none_required"},
    "str": {"string_type", "string_sub_type", "string_unicode"},
    "tuple": {"tuple_type"},
    "uuid": {"uuid_type", "uuid_parsing", "is_instance_of"},
}
"""What a schema of pydantic-core raises besides its rules."""
RAISES_NOTHING = {
    *("any", "default", "nullable", "union", "definitions", "definition-ref", "json-or-python", "chain", "no-info"),
    *("function-after", "function-before", "function-plain", "function-wrap", "model-field", "with-info"),
    # Of results that no request makes.
    *("named-tuple", "named-tuple-field"),
}
"""Schemas whose parts raise, or our own functions, whose words are ours."""
RULES = {
    "str": {
        "min_length": "string_too_short",
        "max_length": "string_too_long",
        "pattern": "string_pattern_mismatch",
    },
    "": {
        "min_length": "too_short",
        "max_length": "too_long",
        "gt": "greater_than",
        "ge": "greater_than_equal",
        "lt": "less_than",
        "le": "less_than_equal",
        "max_digits": "decimal_max_digits",
        "decimal_places": "decimal_max_places",
        "multiple_of": "multiple_of",
    },
}


def _models() -> Iterator[type[BaseModel]]:
    for package in (shared.nodes, shared.credentials, services.api):
        for module in walk_packages(package.__path__, f"{package.__name__}."):
            import_module(module.name)
    pending = BaseModel.__subclasses__()
    while pending:
        model = pending.pop()
        pending += model.__subclasses__()
        if model.__module__.startswith(("shared.", "services.")):
            yield model


def _raised(schema: Any) -> Iterator[str]:
    if isinstance(schema, dict):
        kind = schema.get("type")
        if isinstance(kind, str) and (kind in RAISES or kind in RAISES_NOTHING):
            yield from RAISES.get(kind, ())
            rules = RULES.get(kind, {}) | {key: value for key, value in RULES[""].items() if kind != "str"}
            yield from (error for rule, error in rules.items() if schema.get(rule) is not None)
        elif isinstance(kind, str) and "schema" in schema:
            raise AssertionError(f"say in RAISES what the schema {kind} raises")
        for part in schema.values():
            yield from _raised(part)
    elif isinstance(schema, list | tuple):
        for part in schema:
            yield from _raised(part)


def test_every_error_of_our_models_has_a_sentence() -> None:
    models = list(_models())
    assert len(models) > 150
    raised = {error for model in models for error in _raised(model.__pydantic_core_schema__)}
    assert {"missing", "too_short", "literal_error", "decimal_max_places"} <= raised
    assert not raised - WRONG_KIND.keys() - OTHER.keys()


class _Inner(BaseModel):
    price: int


class _Model(BaseModel, extra="forbid"):
    count: int = Field(0, ge=1, le=2_000)
    names: Annotated[list[str], Field(min_length=1, max_length=3)] = []
    key: SecretStr = Field(SecretStr(""), min_length=16)
    mode: Literal["a", "b's", 3] = "a"
    inner: list[_Inner] = []
    table: Annotated[dict[str, int], Field(min_length=2)] = {}
    name: str = Field("", min_length=1, max_length=200)
    ready: bool = False
    either: str | list[int] | bool = ""
    lines: list[Annotated[str, AfterValidator(str.strip)] | _Inner] = []


def _error(value: dict[str, Any]) -> dict[str, Any]:
    with pytest.raises(ValidationError) as caught:
        _Model.model_validate(value)
    (error,) = all_problems(caught.value)
    return dict(error)


@pytest.mark.parametrize(
    ("value", "says"),
    [
        ({"names": []}, "Give at least one item."),
        ({"names": ["a"] * 4}, "Give at most three items."),
        ({"names": "a"}, "This must be a list, not text."),
        ({"table": {}}, "Give at least two entries."),
        ({"count": "abc"}, "This must be a whole number, not text."),
        ({"count": 1.5}, "This must be a whole number."),
        ({"count": None}, "This must be a whole number, not null."),
        ({"count": 2_001}, "This must be at most 2,000."),
        ({"count": 0}, "This must be at least 1."),
        ({"key": "s3cret"}, "Give at least 16 characters."),
        ({"mode": "c"}, "This must be `a`, `b's` or 3."),
        ({"name": ""}, "Give at least one character."),
        ({"name": "x" * 201}, "Give at most 200 characters."),
        ({"inner": [{}]}, "This field is required."),
        ({"inner": [7]}, "This must be an object, not a number."),
        ({"other": 1}, "Unknown field: take it out."),
        ({"either": {}}, "This must be text, a list or true or false, not an object."),
    ],
)
def test_a_sentence_says_what_to_do(value: dict[str, Any], says: str) -> None:
    assert sentence(_error(value)) == says


@pytest.mark.parametrize(
    ("value", "says"),
    [
        ({"count": "abc"}, 'this must be a whole number; it is "abc"'),
        ({"count": 1.5}, "this must be a whole number; it is 1.5"),
        ({"name": 12}, "this must be text; it is 12"),
        ({"ready": "x" * 50}, "this must be true or false, not text"),
        ({"ready": "a\nb"}, "this must be true or false, not text"),
        ({"count": []}, "this must be a whole number, not a list"),
    ],
)
def test_a_short_value_is_shown_where_that_was_asked_for(value: dict[str, Any], says: str) -> None:
    assert phrase(_error(value), echo=True) == says


def test_a_value_of_several_types_has_one_problem_at_its_place() -> None:
    with pytest.raises(ValidationError) as caught:
        _Model.model_validate({"either": [1, "x"], "count": "x"})
    assert [path_of(each["loc"]) for each in all_problems(caught.value)] == ["count", "either[1]"]
    with pytest.raises(ValidationError) as caught:
        _Model.model_validate({"either": 5.5})
    assert first_problem(caught.value) == "either: this must be text, a list or true or false, not a number"


def test_a_model_is_one_of_several_types_too() -> None:
    with pytest.raises(ValidationError) as caught:
        _Model.model_validate({"lines": [5, {"price": "x"}, {}]})
    problems = [(path_of(each["loc"]), phrase(each)) for each in all_problems(caught.value)]
    assert problems == [
        ("lines[0]", "this must be text or an object, not a number"),
        ("lines[1].price", "this must be a whole number, not text"),
        ("lines[2].price", "this field is required"),
    ]


def test_of_very_many_problems_the_first_are_said() -> None:
    with pytest.raises(ValidationError) as caught:
        _Model.model_validate({"inner": [7] * 5_000})
    assert len(all_problems(caught.value)) == 1_000


def test_names_that_look_like_types_are_names() -> None:
    with pytest.raises(ValidationError) as caught:
        _Model.model_validate({"table": {"str": "x", "int": "y"}})
    assert [path_of(each["loc"]) for each in all_problems(caught.value)] == ["table.str", "table.int"]


def test_what_is_not_known_keeps_its_words() -> None:
    assert sentence({"type": "of_tomorrow", "loc": (), "msg": "Input should be new"}) == "Input should be new."


def test_our_own_words_stay() -> None:
    error = {
        "type": "value_error",
        "loc": (),
        "msg": "Value error, use a or b.",
        "ctx": {"error": ValueError("use a.")},
    }
    assert phrase(error) == "use a"


def test_the_first_problem_has_its_place() -> None:
    with pytest.raises(ValidationError) as caught:
        _Model.model_validate({"inner": [{"price": 1}, {"price": "?"}]})
    assert first_problem(caught.value) == "inner[1].price: this must be a whole number, not text"
    assert path_of(("a" * 70, 0, "b")) == f"{'a' * 64}[0].b"
