"""Replies that follow a JSON Schema: the schema checked before, the reply after."""

import re
from typing import Any

import jsonschema_rs

from shared.domain.errors import InvalidValue
from shared.domain.values import from_json, to_json

_FENCED = re.compile(r"\s*```(?:json)?\s*\n(.*)\n\s*```\s*", re.DOTALL)
_MOST_PROBLEMS = 3
_MOST_BYTES = 32_000_000


class SchemaError(ValueError):
    """A schema that is none, or refers to something outside itself."""


class ReplyError(ValueError):
    """A reply that does not follow its schema; the text says where, without echoing the reply."""


def check_schema(schema: dict[str, Any]) -> None:
    """Raises SchemaError."""
    _validator(schema)


def value_of(text: str, schema: dict[str, Any]) -> Any:
    """The JSON value of a reply; fences of Markdown around it are taken off. Raises SchemaError, ReplyError."""
    validator = _validator(schema)
    fenced = _FENCED.fullmatch(text)
    try:
        value = from_json(fenced[1] if fenced else text)
        to_json(value, max_bytes=_MOST_BYTES)
    except InvalidValue:
        raise ReplyError("it is no JSON that can be kept") from None
    problems = []
    for error in validator.iter_errors(value):
        problems.append(_problem(error))
        if len(problems) == _MOST_PROBLEMS:
            break
    if problems:
        raise ReplyError("; ".join(problems))
    return value


def _validator(schema: dict[str, Any]) -> Any:
    try:
        # Nothing is fetched for a schema, and no pattern in it can take longer than its text is long.
        return jsonschema_rs.validator_for(schema, offline=True, pattern_options=jsonschema_rs.RegexOptions())
    except (ValueError, TypeError, jsonschema_rs.ReferencingError) as error:
        raise SchemaError((str(error).splitlines() or ["it cannot be read"])[0][:300]) from None


def _problem(error: jsonschema_rs.ValidationError) -> str:
    """Where and against which rule; what the model wrote there is its own business."""
    place = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in error.instance_path)
    rule = "/".join(str(part) for part in error.schema_path)
    return f"{('at ' + place.lstrip('.'))[:200] if place else 'as a whole'} it breaks the rule {rule[:200]}"
