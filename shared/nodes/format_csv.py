"""`format.csv`: a list becomes a table as text."""

from collections.abc import Iterator
from typing import Any, ClassVar, Literal

from pydantic import Field

from shared.domain.field_paths import MISSING, get_at, parse_path
from shared.nodes.base import Context, Done, NodeError, NodeType, Params
from shared.nodes.data.csv_text import MOST_COLUMNS, written
from shared.nodes.data.fields import FieldPath, Items
from shared.nodes.data.limits import TOO_LARGE_CODE, too_large
from shared.nodes.data.threads import computed

_USUAL_ROW = 50


class FormatCsvParams(Params):
    """The list, and how to write it."""

    items: Items
    columns: list[FieldPath] | None = Field(
        None,
        description="Paths of the fields, in order: [id, customer.name]; all fields of all items without it.",
        min_length=1,
        max_length=1_000,
    )
    header: bool = Field(True, description="Whether the first row has the names of the columns.")
    delimiter: Literal[",", ";", "\t", "|"] = Field(",", description="What is between two cells.")
    line_end: Literal["\n", "\r\n"] = Field("\r\n", description="What ends a row; RFC 4180 and Excel want \\r\\n.")
    escape_formulas: bool = Field(
        False, description="Put a ' before texts which a spreadsheet would compute, such as =1+1."
    )


class FormatCsv(NodeType):
    """null becomes an empty cell. Items that are lists are rows as they stand."""

    type = "format.csv"
    label = "Write CSV"
    help = "Turn a list of objects, or of lists, into a table as text (CSV)."
    icon = "table"
    category = "data"
    params = FormatCsvParams
    example: ClassVar[dict[str, Any]] = {"items": [{"id": 1, "name": "Ada"}], "lineEnd": "\n"}
    examples: ClassVar[list[dict[str, Any]]] = [
        {
            "title": "Some columns, also from inside",
            "params": {
                "items": [{"id": 1, "who": {"name": 'A "B"'}}, {"id": 2}],
                "columns": ["id", "who.name"],
                "lineEnd": "\n",
            },
            "output": 'id,who.name\n1,"A ""B"""\n2,\n',
        },
        {
            "title": "Rows as they are",
            "params": {"items": [[1, None], [True, "x"]], "header": False, "lineEnd": "\n"},
            "output": "1,\ntrue,x\n",
        },
    ]
    error_codes: ClassVar[dict[str, str]] = {
        "NOT_A_SCALAR": "A cell would hold an object or a list.",
        "NOT_A_ROW": "An item is neither an object nor a list.",
    } | TOO_LARGE_CODE

    async def run(self, ctx: Context, params: FormatCsvParams) -> Done:
        """The text. Raises NOT_A_SCALAR, NOT_A_ROW, PAYLOAD_TOO_LARGE."""
        return Done(await computed(ctx, len(params.items) * _USUAL_ROW, lambda: _text(params)))


def _text(params: FormatCsvParams) -> str:
    columns = params.columns if params.columns is not None else _columns(params.items)
    return written(
        _rows(params, columns), params.delimiter, line_end=params.line_end, escape_formulas=params.escape_formulas
    )


def _columns(items: list[Any]) -> list[str]:
    """Every key of every object, in the order of their first appearance, as paths."""
    names = dict.fromkeys(key for item in items if isinstance(item, dict) for key in item)
    if len(names) > MOST_COLUMNS:
        raise too_large(f"more than {MOST_COLUMNS:,} columns")
    return list(names)


def _rows(params: FormatCsvParams, columns: list[str]) -> Iterator[list[Any]]:
    if params.header and columns:
        yield list(columns)
    paths = [(parse_path(column) if params.columns is not None else (column,)) for column in columns]
    for index, item in enumerate(params.items):
        if isinstance(item, list):
            yield item
        elif isinstance(item, dict):
            yield [None if (value := get_at(item, path)) is MISSING else value for path in paths]
        else:
            raise NodeError("NOT_A_ROW", f"Item {index} is neither an object nor a list, so it is no row.")
