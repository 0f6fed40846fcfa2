"""From text to Python's syntax tree: where the `{{ }}` are in a string, and parsing what is inside them."""

import ast
import keyword
import re
import warnings
from dataclasses import dataclass

from shared.expr.budget import MAX_SOURCE, MAX_SOURCE_DEPTH
from shared.expr.errors import BUDGET, SYNTAX, ExpressionError

_FILE = "<expression>"
# The parser warns about `"\d"` and the like on stderr; an expression's author never sees that.
warnings.filterwarnings("ignore", module=_FILE)

_TEXT = r"'(?:\\.|[^'\\])*'|\"(?:\\.|[^\"\\])*\""
_BRACKETS = re.compile(rf"{_TEXT}|[\[\](){{}}]", re.DOTALL)
_RESERVED = re.compile(rf"{_TEXT}|(?<=\.)(?:{'|'.join(keyword.kwlist)})\b", re.DOTALL)
_HINTS = {
    "&&": "write `and` instead of `&&`",
    "||": "write `or` instead of `||`",
    "===": "write `==` instead of `===`",
    "?": "write `a if condition else b` instead of `condition ? a : b`, and `x | default(y)` instead of `?.` and `??`",
    "!": "write `not x` instead of `!x`",
    "=>": "write a list comprehension, as in `[x.id for x in items]`",
    "`": 'write text in "quotes"',
}


@dataclass(frozen=True, slots=True)
class Hole:
    """The text between one pair of `{{` and `}}`."""

    source: str


def split_holes(text: str) -> list[str | Hole]:
    """The literal parts and the holes of a string, in order, none empty. Raises ExpressionError if a hole is open."""
    parts: list[str | Hole] = []
    position = 0
    while (start := text.find("{{", position)) >= 0:
        end, sure = _hole_end(text, start + 2)
        if start > position:
            parts.append(text[position:start])
        parts.append(Hole(text[start + 2 : end]))
        position = end + 2
        if not sure:
            # This hole is a mistake; where the next one begins is anybody's guess.
            break
    if position < len(text):
        parts.append(text[position:])
    return parts


def _hole_end(text: str, start: int) -> tuple[int, bool]:
    """Where the closing `}}` begins: (outside quotes and brackets, True), else (the first one, False)."""
    depth = 0
    for match in _BRACKETS.finditer(text, start, start + MAX_SOURCE + 64):
        found = match.group()
        if found in "([{":
            depth += 1
        elif found == "}" and depth == 0:
            if text.startswith("}}", match.start()):
                return match.start(), True
        elif found in ")]}":
            depth -= 1
    end = text.find("}}", start)
    if end < 0:
        raise ExpressionError(SYNTAX, "{{ is never closed: add }}", source=text[start : start + 40].strip())
    return end, False


def parse(source: str) -> ast.expr:
    """The syntax tree of one expression without white space around it. Raises ExpressionError of syntax or budget."""
    if not source:
        raise ExpressionError(SYNTAX, "the expression is empty: write one between {{ and }}", source=source)
    if len(source) > MAX_SOURCE:
        raise ExpressionError(
            BUDGET,
            f"the expression has {len(source):,} characters, at most {MAX_SOURCE:,} are allowed: split it over steps",
            source=source,
        )
    _check_nesting(source)
    line = re.sub(r"[\r\n\t\f]", " ", source)
    try:
        return _parse_line(line)
    except SyntaxError as error:
        first = error
    # `input.from` is not Python, but a letter that is normalised to `f` makes it so, at the same column.
    rescued = _RESERVED.sub(_disguise, line)
    if rescued != line:
        try:
            return _parse_line(rescued)
        except SyntaxError as error:
            first = error
    raise _syntax_error(first, source)


def _parse_line(line: str) -> ast.expr:
    try:
        tree = ast.parse(line, _FILE, mode="eval").body
    except (RecursionError, MemoryError):
        raise ExpressionError(BUDGET, "the expression is nested too deep: split it", source=line) from None
    except SyntaxError:
        raise
    except ValueError as error:
        raise ExpressionError(SYNTAX, f"the expression cannot be read: {error}", source=line) from None
    encoded = line.encode()
    for node in ast.walk(tree):
        if isinstance(node, ast.expr):
            # From bytes, 0-based, to characters, 1-based.
            node.col_offset = len(encoded[: node.col_offset].decode(errors="ignore")) + 1
    return tree


def _check_nesting(source: str) -> None:
    depth = 0
    for match in _BRACKETS.finditer(source):
        found = match.group()
        depth += (found in "([{") - (found in ")]}")
        if depth > MAX_SOURCE_DEPTH:
            raise ExpressionError(
                BUDGET,
                f"the expression is nested deeper than {MAX_SOURCE_DEPTH} levels: split it",
                source=source,
                column=match.start() + 1,
            )


def _disguise(match: re.Match[str]) -> str:
    word = match.group()
    if word[0] in "'\"":
        return word
    base = 0x1D41A - ord("a") if word[0].islower() else 0x1D400 - ord("A")
    return chr(base + ord(word[0])) + word[1:]


def _syntax_error(error: SyntaxError, source: str) -> ExpressionError:
    code = re.sub(_TEXT, "", source, flags=re.DOTALL)
    hint = next((text for sign, text in _HINTS.items() if sign in code and (sign != "!" or "!=" not in code)), None)
    column = min(max(error.offset or 1, 1), len(source) + 1)
    return ExpressionError(SYNTAX, hint or f"{error.msg}: check this place", source=source, column=column)
