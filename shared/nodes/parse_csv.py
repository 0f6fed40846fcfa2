"""`parse.csv`: a table as text becomes a list."""

import re
from collections.abc import Callable
from itertools import islice
from typing import Any, ClassVar, Literal, Self

from pydantic import Field, model_validator

from shared.nodes.base import Context, Done, NodeError, NodeType, Params
from shared.nodes.data.csv_text import guessed_delimiter, rows_of
from shared.nodes.data.limits import MOST_ITEMS, TOO_LARGE_CODE, Output
from shared.nodes.data.threads import computed

_NUMBER = re.compile(r"-?(0|[1-9]\d{0,14})(\.\d{1,15})?")


class ParseCsvParams(Params):
    """The text, and how it is written."""

    text: str = Field(description="The table.")
    header: bool | list[str] = Field(
        True,
        description="The first row names the columns (true), there are no names (false: rows are lists), or the names as a list.",
    )
    delimiter: str = Field("auto", description="What is between two cells, or `auto`: one of , ; tab |.", max_length=4)
    quote: str | None = Field('"', description="What is around cells; null: nothing.", min_length=1, max_length=1)
    types: Literal["text", "auto"] = Field(
        "text", description="`auto` makes numbers, true, false and null of cells that look like it."
    )
    trim: bool = Field(False, description="Whether spaces around cells are removed.")
    max_rows: int = Field(MOST_ITEMS, description="The most rows to read; others are left out.", ge=1, le=MOST_ITEMS)

    @model_validator(mode="after")
    def _one_delimiter(self) -> Self:
        if self.delimiter != "auto" and (len(self.delimiter) != 1 or self.delimiter in '\r\n"'):
            raise ValueError("`delimiter` is one character, or auto")
        return self


class ParseCsv(NodeType):
    """Rows of a table with names are objects. Missing cells are null, empty rows are passed over."""

    type = "parse.csv"
    label = "Parse CSV"
    help = "Turn a table as text (CSV) into a list of objects, or of lists."
    icon = "table"
    category = "data"
    params = ParseCsvParams
    example: ClassVar[dict[str, Any]] = {"text": "id,name\n1,Ada\n2,Grace\n"}
    examples: ClassVar[list[dict[str, Any]]] = [
        {
            "title": "Semicolons, quotes and numbers",
            "params": {"text": 'id;text\n1;"a;b ""c"""\n', "types": "auto"},
            "output": [{"id": 1, "text": 'a;b "c"'}],
        },
        {"title": "Rows as lists", "params": {"text": "1,2\n3,4", "header": False}, "output": [["1", "2"], ["3", "4"]]},
    ]
    error_codes: ClassVar[dict[str, str]] = {
        "INVALID_CSV": "The text is no table: a quote without an end, a row with too many cells, a name that is there twice.",
    } | TOO_LARGE_CODE

    async def run(self, ctx: Context, params: ParseCsvParams) -> Done:
        """The rows. Raises INVALID_CSV, PAYLOAD_TOO_LARGE."""
        return Done(await computed(ctx, len(params.text), lambda: _table(params)))


def _table(params: ParseCsvParams) -> list[Any]:
    delimiter = guessed_delimiter(params.text) if params.delimiter == "auto" else params.delimiter
    rows = rows_of(params.text, delimiter, params.quote)
    cell = _cell(params)
    if params.header is False:
        return [[cell(text) for text in row] for row in islice(rows, params.max_rows)]
    names = params.header if isinstance(params.header, list) else [name.strip() for name in next(rows, [])]
    if len(set(names)) < len(names):
        twice = next(name for name in names if names.count(name) > 1)
        raise NodeError("INVALID_CSV", f"Two columns are named `{twice[:100]}`: give other names in `header`.")
    room, names_size, found = Output(), sum(len(name) + 3 for name in names), []
    for number, row in enumerate(islice(rows, params.max_rows), 1):
        if len(row) > len(names):
            raise NodeError("INVALID_CSV", f"Row {number} has {len(row)} cells, but there are {len(names)} columns.")
        room.add(names_size)
        cells: list[Any] = [cell(text) for text in row]
        found.append(dict(zip(names, cells + [None] * (len(names) - len(row)), strict=True)))
    return found


def _cell(params: ParseCsvParams) -> Callable[[str], Any]:
    trim, auto = params.trim, params.types == "auto"

    def convert(text: str) -> Any:
        text = text.strip() if trim else text
        return _typed(text) if auto else text

    return convert


def _typed(text: str) -> Any:
    """Numbers as people write them, without those that would lose something: 007, +1, 1e5 and long ones stay text."""
    word = {"": None, "null": None, "true": True, "false": False}.get(text.lower(), text)
    if word is not text or not _NUMBER.fullmatch(text):
        return word
    return float(text) if "." in text else int(text)
