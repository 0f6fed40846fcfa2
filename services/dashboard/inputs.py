"""The inputs of a form, from the JSON Schema of what it asks for: pure."""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from shared.domain.labels import label_of

Schema = Mapping[str, Any]
Kind = Literal["text", "number", "choice", "json"]

_MANY_CHARACTERS = re.compile(r"\bPEM\b")


@dataclass(frozen=True, slots=True)
class Input:
    """One field. `choices` are pairs of the value as JSON and how it reads; `default` is what an input would hold."""

    name: str
    label: str
    help: str
    kind: Kind
    required: bool = False
    secret: bool = False
    lines: bool = False
    integer: bool = False
    choices: tuple[tuple[str, str], ...] = ()
    default: str = ""
    least: float | None = None
    most: float | None = None


def inputs_of(schema: Schema, secrets: Sequence[str] = ()) -> list[Input]:
    """An input for every property, in the schema's order but the required ones first; `secrets` are typed unseen.

    What is neither text, number nor one of a few values is typed as JSON.
    """
    needed = schema.get("required", ())
    found = [
        _input(name, each, schema.get("$defs", {}), required=name in needed, secret=name in secrets)
        for name, each in schema.get("properties", {}).items()
    ]
    return sorted(found, key=lambda each: not each.required)


def _input(name: str, raw: Schema, known: Schema, *, required: bool, secret: bool) -> Input:
    schema = _resolved(raw, known)
    kind, values = _kind(schema)
    help = str(raw.get("description") or schema.get("description") or "")
    return Input(
        name,
        _title(name, raw),
        help,
        kind,
        required,
        secret=secret or schema.get("format") == "password",
        lines=kind == "text" and _has_lines(raw, schema, help),
        integer=schema.get("type") == "integer",
        choices=tuple((json.dumps(value), _reads(value)) for value in values),
        default=_default(kind, raw.get("default")),
        least=schema.get("minimum"),
        most=schema.get("maximum"),
    )


def _resolved(raw: Schema, known: Schema) -> Schema:
    """Without the null that makes it optional, and without references."""
    schema: Schema = raw
    while "$ref" in schema:
        schema = known.get(str(schema["$ref"]).rpartition("/")[2], {})
    options = [each for each in schema.get("anyOf", ()) if each.get("type") != "null"]
    if len(options) == 1:
        return _resolved(options[0], known)
    # Decimals: a number, or its digits as text.
    if sorted(str(each.get("type")) for each in options) == ["number", "string"]:
        return next(each for each in options if each["type"] == "number")
    return schema


def _kind(schema: Schema) -> tuple[Kind, list[Any]]:
    if "const" in schema or "enum" in schema:
        return "choice", list(schema.get("enum", (schema.get("const"),)))
    match schema.get("type"):
        case "boolean":
            return "choice", [True, False]
        case "integer" | "number":
            return "number", []
        case "string":
            return "text", []
    return "json", []


def _title(name: str, raw: Schema) -> str:
    """The schema's title, unless nobody wrote one and it was made from the name."""
    made = {name.title(), name.title().replace("_", " ")}
    title = str(raw.get("title", ""))
    return title if title and title not in made else label_of(name)


def _has_lines(raw: Schema, schema: Schema, help: str) -> bool:
    marked = "multiline" in (raw.get("format"), schema.get("format"))
    return marked or _MANY_CHARACTERS.search(help) is not None


def _reads(value: Any) -> str:
    return {True: "Yes", False: "No"}[value] if isinstance(value, bool) else str(value)


def _default(kind: Kind, value: Any) -> str:
    if value is None:
        return ""
    if kind == "text":
        return str(value)
    return json.dumps(value, indent=2 if kind == "json" else None, ensure_ascii=False)
