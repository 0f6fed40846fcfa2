"""JSON Schemas for replies: what is checked, and what a schema may not do to the worker."""

from typing import Any

import pytest

from shared.ai.openai_chat import is_strict
from shared.ai.structured import ReplyError, SchemaError, check_schema, value_of

PERSON = {
    "$defs": {"name": {"type": "string"}},
    "type": "object",
    "properties": {"name": {"$ref": "#/$defs/name"}, "age": {"type": "integer"}},
    "required": ["name"],
}


def bomb(size: int) -> dict[str, Any]:
    """Each part applies the next one twice."""
    parts: dict[str, Any] = {f"d{at}": {"allOf": [{"$ref": f"#/$defs/d{at + 1}"}] * 2} for at in range(size)}
    return {"$defs": parts | {f"d{size}": {"type": "integer"}}, "$ref": "#/$defs/d0"}


def test_a_reply_that_follows_its_schema() -> None:
    assert value_of('{"name": "Ada"}', PERSON) == {"name": "Ada"}
    assert value_of('```json\n{"name": "Ada", "age": 36}\n```', PERSON) == {"name": "Ada", "age": 36}
    assert value_of("5", bomb(5)) == 5
    assert value_of("[[1]]", {"anyOf": [{"type": "integer"}, {"type": "array", "items": {"$ref": "#"}}]}) == [[1]]


@pytest.mark.parametrize(
    "text", ["", "Ada", "{}", '{"name": 5}', '{"name": "A"} and more', '{"name": "\\u0000"}', "NaN"]
)
def test_a_reply_that_does_not(text: str) -> None:
    with pytest.raises(ReplyError) as caught:
        value_of(text, PERSON)
    assert "Ada" not in str(caught.value)


@pytest.mark.parametrize(
    "schema",
    [
        {"type": "objekt"},
        {"$ref": "http://127.0.0.1:9/schema.json"},
        {"$ref": "file:///etc/passwd"},
        {"$ref": "#/$defs/missing"},
        {"pattern": "(?=a)b"},
        bomb(60),
    ],
)
def test_schemas_that_are_refused(schema: dict[str, Any]) -> None:
    with pytest.raises(SchemaError):
        check_schema(schema)


def test_a_pattern_takes_no_longer_than_its_text() -> None:
    with pytest.raises(ReplyError):
        value_of('"' + "a" * 5_000 + '!"', {"type": "string", "pattern": "^(a+)+$"})


def test_strict_is_asked_for_only_where_the_schema_keeps_to_it() -> None:
    closed = {
        "type": "object",
        "properties": {"a": {"type": "string"}},
        "required": ["a"],
        "additionalProperties": False,
    }
    assert is_strict(closed)
    assert is_strict({"type": "array", "items": closed})
    assert not is_strict(PERSON)
    assert not is_strict(closed | {"properties": {"a": PERSON}})
    assert not is_strict(closed | {"required": []})
