"""CSV as text, after RFC 4180 and what programs make of it."""

import csv
import io
from collections.abc import Iterator
from typing import Any

from shared.domain.errors import NodeError
from shared.expr.kinds import kind
from shared.nodes.data.limits import Output, too_large

MOST_COLUMNS = 10_000
MOST_FIELD = 10_000_000
_CANDIDATES = ",;\t|"
_FORMULA = ("=", "+", "-", "@", "\t", "\r")
_SAMPLE = 20_000

# A limit of the module, not of a reader: ours is checked below.
csv.field_size_limit(MOST_FIELD)


def guessed_delimiter(text: str) -> str:
    """The one of `,` `;` tab `|` that the first line has most of, outside of quotes; `,` if it has none."""
    line, quoted, counts = text[:_SAMPLE], False, dict.fromkeys(_CANDIDATES, 0)
    for character in line:
        if character == '"':
            quoted = not quoted
        elif not quoted and character in counts:
            counts[character] += 1
        elif not quoted and character == "\n":
            break
    return max(counts, key=counts.__getitem__) if any(counts.values()) else ","


def rows_of(text: str, delimiter: str, quote: str | None) -> Iterator[list[str]]:
    """The rows that are not empty. Raises NodeError INVALID_CSV, PAYLOAD_TOO_LARGE."""
    lines = io.StringIO(text.removeprefix("\ufeff"), newline="")
    if quote is None:
        reader = csv.reader(lines, delimiter=delimiter, quotechar=None, quoting=csv.QUOTE_NONE, strict=True)
    else:
        reader = csv.reader(lines, delimiter=delimiter, quotechar=quote, strict=True)
    room = Output()
    try:
        for row in reader:
            if not row:
                continue
            if len(row) > MOST_COLUMNS:
                raise too_large(f"more than {MOST_COLUMNS:,} columns in line {reader.line_num}")
            room.add(sum(map(len, row)))
            yield row
    except csv.Error as error:
        raise NodeError("INVALID_CSV", f"Line {reader.line_num}: {error}. Check `delimiter` and `quote`.") from None


def written(rows: Iterator[list[Any]], delimiter: str, *, line_end: str, escape_formulas: bool) -> str:
    """CSV of rows of JSON scalars. Raises NodeError NOT_A_SCALAR, PAYLOAD_TOO_LARGE."""
    out = io.StringIO(newline="")
    writer = csv.writer(out, delimiter=delimiter, lineterminator=line_end)
    room = Output()
    for row in rows:
        cells = [_cell(value, escape_formulas=escape_formulas) for value in row]
        room.add(sum(map(len, cells)) + len(cells))
        writer.writerow(cells)
    return out.getvalue()


def _cell(value: Any, *, escape_formulas: bool) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        return f"'{value}" if escape_formulas and value.startswith(_FORMULA) else value
    if isinstance(value, int | float):
        return repr(value)
    raise NodeError("NOT_A_SCALAR", f"A cell cannot hold {kind(value)}: name a field inside it in `columns`.")
