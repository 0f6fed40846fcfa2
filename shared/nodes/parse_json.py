"""`parse.json`: text that holds JSON becomes a value."""

import json
from typing import Any, ClassVar

from pydantic import Field

from shared.domain.errors import InvalidValue, NodeError
from shared.domain.values import from_json
from shared.nodes.base import Context, Done, NodeType, Params
from shared.nodes.data.threads import computed

_EXCERPT = 40


class ParseJsonParams(Params):
    """The text."""

    text: str = Field(description="Text that holds JSON.")
    lines: bool = Field(False, description="One JSON value a line (NDJSON): the output is a list of them.")


class ParseJson(NodeType):
    """Integers are exact, whatever their length. Empty lines are passed over."""

    type = "parse.json"
    label = "Parse JSON"
    help = "Turn text that holds JSON into a value, or its lines into a list."
    icon = "braces"
    category = "data"
    params = ParseJsonParams
    example: ClassVar[dict[str, Any]] = {"text": '{"id": 7}'}
    examples: ClassVar[list[dict[str, Any]]] = [
        {
            "title": "A log with one object a line",
            "params": {"text": '{"a": 1}\n{"a": 2}\n', "lines": True},
            "output": [{"a": 1}, {"a": 2}],
        }
    ]
    error_codes: ClassVar[dict[str, str]] = {"INVALID_JSON": "The text is not JSON; the message says where."}

    async def run(self, ctx: Context, params: ParseJsonParams) -> Done:
        """The value, or the list of values. Raises INVALID_JSON."""
        parse = _lines if params.lines else _value
        return Done(await computed(ctx, len(params.text), lambda: parse(params.text)))


def _value(text: str) -> Any:
    try:
        return from_json(text.removeprefix("\ufeff"))
    except InvalidValue as error:
        raise NodeError("INVALID_JSON", _explained(text, error)) from None


def _lines(text: str) -> list[Any]:
    values = []
    for number, line in enumerate(text.removeprefix("\ufeff").split("\n"), 1):
        if line.strip():
            try:
                values.append(from_json(line))
            except InvalidValue as error:
                raise NodeError("INVALID_JSON", f"Line {number}: {_explained(line, error)}") from None
    return values


def _explained(text: str, error: InvalidValue) -> str:
    """The reason, and how the text begins if it is something else altogether."""
    begin = text.strip()[:_EXCERPT]
    if not begin:
        return "The text is empty."
    if begin[0] not in '{["-0123456789tfn':
        return f"The text is not JSON; it begins with {json.dumps(begin, ensure_ascii=False)}."
    return f"{str(error).rstrip('.')}."
