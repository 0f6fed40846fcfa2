"""JSON for reading: indented, coloured by kind, cut where it is too long to show."""

import json
import re
from typing import Any, NamedTuple

from markupsafe import Markup, escape

MAX_CHARACTERS = 20_000
_TOKEN = re.compile(r'"(?:[^"\\]|\\.)*"(\s*:)?|-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?|\btrue\b|\bfalse\b|\bnull\b')


class Pretty(NamedTuple):
    """Marked-up text and how many characters were left out (0 when it is whole)."""

    markup: Markup
    left_out: int


def pretty_json(value: Any, limit: int = MAX_CHARACTERS) -> Pretty:
    """The value as indented JSON with `<span class=k|s|n>` around keys, strings and the rest; at most `limit` characters."""
    text = json.dumps(value, indent=2, ensure_ascii=False, default=str)
    shown = text[:limit]
    pieces: list[Markup | str] = []
    end = 0
    for found in _TOKEN.finditer(shown):
        pieces += [escape(shown[end : found.start()]), _span(found)]
        end = found.end()
    pieces.append(escape(shown[end:]))
    return Pretty(Markup("").join(pieces), len(text) - len(shown))


def _span(found: re.Match[str]) -> Markup:
    text = found.group()
    colon = found.group(1)
    if colon is not None:
        return Markup('<span class="k">{}</span>{}').format(text[: -len(colon)], colon)
    return Markup('<span class="{}">{}</span>').format("s" if text.startswith('"') else "n", text)
