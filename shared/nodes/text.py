"""`text`: makes one text, also of a list."""

import re
from typing import Any, ClassVar, Literal

from pydantic import Field

from shared.domain.field_paths import MISSING, get_at, parse_path
from shared.domain.values import to_json
from shared.nodes.base import Context, Done, NodeError, NodeType, Params
from shared.nodes.data.limits import MOST_CHARACTERS, TOO_LARGE_CODE, Output

_PLACE = re.compile(r"\{\{|\}\}|\{([^{}\n]{0,500})\}")


class TextParams(Params):
    """What the text is made of."""

    text: str | list[Any] = Field(description="Text with expressions, or a list whose items become parts of the text.")
    each: str | None = Field(
        None,
        description="For a list: how an item is written, with paths in single braces, as in - {name}: {price.eur}; {} is the "
        "item itself.",
        max_length=10_000,
    )
    separator: str = Field("\n", description="For a list: what is between two parts.", max_length=1_000)
    case: Literal["keep", "upper", "lower"] = Field("keep", description="Upper or lower case of the whole.")
    trim: bool = Field(False, description="Whether spaces and empty lines around the whole are removed.")
    max_length: int | None = Field(
        None, description="The most characters; what is longer ends with … .", ge=1, le=10_000_000
    )


class Text(NodeType):
    """Objects and lists inside a text are JSON, null is nothing."""

    type = "text"
    label = "Text"
    help = "Write a text with expressions, or join a list, each item after a pattern."
    icon = "type"
    category = "data"
    pure = True
    params = TextParams
    example: ClassVar[dict[str, Any]] = {"text": "Hello {{ input.name | default('you') }}"}
    examples: ClassVar[list[dict[str, Any]]] = [
        {
            "title": "A list as lines",
            "params": {
                "text": [{"name": "Tea", "price": {"eur": 2.5}}, {"name": "Milk", "price": {"eur": 1}}],
                "each": "- {name}: {price.eur} EUR",
            },
            "output": "- Tea: 2.5 EUR\n- Milk: 1 EUR",
        },
        {
            "title": "Joined with commas, and cut",
            "params": {"text": ["one", "two", "three"], "separator": ", ", "maxLength": 10},
            "output": "one, two,…",
        },
    ]
    error_codes: ClassVar[dict[str, str]] = {
        "WRONG_PATH": "A name in `each` is no path.",
    } | TOO_LARGE_CODE

    async def run(self, ctx: Context, params: TextParams) -> Done:  # noqa: ARG002
        """The text. Raises WRONG_PATH, PAYLOAD_TOO_LARGE."""
        text = params.text if isinstance(params.text, str) else _joined(params.text, params)
        text = text.strip() if params.trim else text
        if params.case != "keep":
            text = text.upper() if params.case == "upper" else text.lower()
        if params.max_length is not None and len(text) > params.max_length:
            text = text[: params.max_length - 1].rstrip() + "…"
        return Done(text)


def _joined(items: list[Any], params: TextParams) -> str:
    room, parts = Output(), []
    pieces = _pieces(params.each) if params.each is not None else [()]
    for index, item in enumerate(items):
        if index:
            room.add(len(params.separator))
            parts.append(params.separator)
        for piece in pieces:
            part = piece if isinstance(piece, str) else _written(get_at(item, piece))
            room.add(len(part), 0)
            parts.append(part)
    return "".join(parts)


def _pieces(each: str) -> list[str | tuple[str | int, ...]]:
    """Texts and paths in turn; double braces are single ones."""
    pieces: list[str | tuple[str | int, ...]] = []
    end = 0
    for found in _PLACE.finditer(each):
        pieces.append(each[end : found.start()])
        end = found.end()
        if found[1] is None:
            pieces.append(found[0][0])
            continue
        try:
            pieces.append(parse_path(found[1].strip()))
        except ValueError as error:
            raise NodeError("WRONG_PATH", f"{error}.") from None
    return [*pieces, each[end:]]


def _written(value: Any) -> str:
    if value is MISSING or value is None:
        return ""
    if isinstance(value, str):
        return value
    if isinstance(value, float) and value.is_integer() and abs(value) < 1e15:
        return str(int(value))
    return to_json(value, max_bytes=MOST_CHARACTERS).decode()
