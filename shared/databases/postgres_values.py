"""Values of Postgres to JSON and back, in its own text format. Pure."""

from collections.abc import Callable
from typing import Any

from psycopg.postgres import types

from shared.databases.rows import json_bytes, json_float, json_iso, json_text
from shared.domain.errors import InvalidValue
from shared.domain.values import from_json, to_json

Read = Callable[[str], Any]
_MAX_PARAMETER_BYTES = 16_000_000


def parameter(value: Any) -> bytes | None:
    """A JSON value as the text of a parameter, whose type Postgres takes from where it stands.

    A list becomes an array, an object JSON. Raises ValueError for what no text of Postgres can have.
    """
    if value is None:
        return None
    text = _array(value) if isinstance(value, list | tuple) else _scalar(value)
    if "\x00" in text:
        raise ValueError("text with a NUL character cannot be stored in Postgres: remove it")
    return text.encode()


def reader(oid: int) -> tuple[str, Read]:
    """A type's name, and what makes a JSON value of its text.

    Whole numbers stay exact numbers; numeric stays exact as text; times are ISO 8601; what has no JSON of its own is the
    text that Postgres writes.
    """
    known = types.get(oid)
    if known is None:
        return f"oid {oid}", json_text
    read = _READERS.get(known.name, json_text)
    if known.array_oid == oid:
        delimiter = known.delimiter
        return f"{known.name}[]", lambda text: _read_array(text, read, delimiter)
    return known.name, read


def _scalar(value: Any) -> str:
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float):
        return str(value)
    return _json(value)


def _json(value: Any) -> str:
    try:
        return to_json(value, max_bytes=_MAX_PARAMETER_BYTES).decode()
    except InvalidValue as error:
        raise ValueError(str(error)) from None


def _array(values: Any) -> str:
    return "{" + ",".join(_item(value) for value in values) + "}"


def _item(value: Any) -> str:
    if value is None:
        return "NULL"
    if isinstance(value, list | tuple):
        return _array(value)
    escaped = _scalar(value).replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


def _read_array(text: str, read: Read, delimiter: str) -> Any:
    """`{1,NULL,"a b"}`, nested, perhaps after bounds as in `[0:1]={…}`."""
    found: list[list[Any]] = [[]]
    at = text.index("{")
    while at < len(text):
        character = text[at]
        at += 1
        if character == "{":
            found.append([])
        elif character == "}":
            done = found.pop()
            found[-1].append(done)
        elif character == '"':
            item, at = _quoted(text, at)
            found[-1].append(read(item))
        elif character != delimiter:
            end = at
            while text[end] not in (delimiter, "}"):
                end += 1
            item, at = text[at - 1 : end], end
            found[-1].append(None if item == "NULL" else read(item))
    return found[0][0]


def _quoted(text: str, at: int) -> tuple[str, int]:
    parts = []
    while text[at] != '"':
        at += text[at] == "\\"
        parts.append(text[at])
        at += 1
    return "".join(parts), at + 1


def _read_json(text: str) -> Any:
    try:
        return from_json(text)
    except InvalidValue:
        # Numbers that no float can hold, NUL characters.
        return json_text(text)


def _read_json_safely(text: str) -> Any:
    value = _read_json(text)
    return text if "\\u0000" in text else value


_READERS: dict[str, Read] = {
    "bool": lambda text: text == "t",
    **dict.fromkeys(("int2", "int4", "int8", "oid"), int),
    **dict.fromkeys(("float4", "float8"), lambda text: json_float(float(text))),
    **dict.fromkeys(("json", "jsonb"), _read_json_safely),
    **dict.fromkeys(("timestamp", "timestamptz", "timetz"), json_iso),
    "bytea": lambda text: json_bytes(bytes.fromhex(text.removeprefix("\\x"))),
}
