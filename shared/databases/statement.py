"""One SQL statement with `:name` parameters, read as its database would read it. Pure.

What is in strings, quoted names, comments and dollar quotes is left alone, and so are `::` and `:=`.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

Dialect = Literal["postgres", "mysql", "sqlite"]
MAX_CHARACTERS = 100_000

_SPACE = r"\s++"
_WORD = r"[^\W\d][\w$]*+"
_NUMBER = r"\d[\w.]*+"
_PARAMETER = r":(?P<name>[A-Za-z_]\w*+|\d++)"
_PLAIN_STRING = r"'(?:[^']|'')*+'"
_ESCAPED_STRING = r"'(?:[^'\\]|\\.|'')*+'"
_QUOTED_NAME = r'"(?:[^"]|"")*+"'
_BACKTICKS = r"`(?:[^`]|``)*+`"
_LINE_COMMENT = r"--[^\n]*+"
_COMMENT = r"/\*(?:[^*]|\*(?!/))*+\*/"
_TOKENS = {
    "postgres": {
        "space": _SPACE,
        "comment": _LINE_COMMENT,
        "nested": r"/\*",
        "string": rf"[eE]{_ESCAPED_STRING}|{_PLAIN_STRING}|{_QUOTED_NAME}",
        "dollar": r"\$(?:[^\W\d]\w*+)?\$",
        "foreign": r"\$\d",
    },
    "mysql": {
        "space": _SPACE,
        # Two hyphens without a space are two signs.
        "comment": rf"--(?=\s|$)[^\n]*+|\#[^\n]*+|(?!/\*M?!){_COMMENT}",
        "executed": r"/\*M?!",
        "string": rf'{_ESCAPED_STRING}|"(?:[^"\\]|\\.|"")*+"|{_BACKTICKS}',
        "foreign": r"\?",
    },
    "sqlite": {
        "space": _SPACE,
        "comment": rf"{_LINE_COMMENT}|{_COMMENT}",
        "string": rf"{_PLAIN_STRING}|{_QUOTED_NAME}|{_BACKTICKS}|\[[^\]]*+\]",
        "foreign": r"\?|[@$#]\w",
    },
}
_COMMON = {
    "operator": r"::|:=",
    "parameter": _PARAMETER,
    "word": _WORD,
    "number": _NUMBER,
    "end": ";",
    "open": r"['\"`]|/\*",
    "other": r".",
}
_SCANNERS = {
    dialect: re.compile("|".join(f"(?P<{kind}>{text})" for kind, text in (kinds | _COMMON).items()), re.DOTALL)
    for dialect, kinds in _TOKENS.items()
}
_PROBLEMS = {
    "executed": "a comment /*! … */ is executed by the database: write what is in it without the comment",
    "foreign": "parameters are written as :name, with the values in `params`",
    "open": "a quote or comment is opened and never closed",
}


@dataclass(frozen=True, slots=True)
class Statement:
    """A statement in pieces: a parameter stands between each and the next one."""

    pieces: tuple[str, ...]
    parameters: tuple[str, ...]
    """A name, or a number from 1, for each gap; the same one may come several times."""
    words: tuple[str, ...]
    """The words outside of quotes and comments, in upper case."""

    def text(self, placeholders: Sequence[str]) -> str:
        """The statement with these in the gaps."""
        return self.pieces[0] + "".join(
            part for pair in zip(placeholders, self.pieces[1:], strict=True) for part in pair
        )

    def values(self, params: Mapping[str, Any] | Sequence[Any]) -> list[Any]:
        """The value for each gap. Raises ValueError for one that is missing, and for those that nothing uses."""
        given = params if isinstance(params, Mapping) else {str(n): value for n, value in enumerate(params, start=1)}
        missing = [name for name in self.parameters if name not in given]
        if missing:
            raise ValueError(f"the query has the parameter :{missing[0][:64]}, but `params` has no value for it")
        unused = [name for name in given if name not in self.parameters]
        if unused:
            raise ValueError(f"`params` has {unused[0][:64]}, but the query has no :{unused[0][:64]}")
        return [given[name] for name in self.parameters]


def read_statement(sql: str, dialect: Dialect) -> Statement:
    """The only statement in a text. Raises ValueError, saying what to do, for none, several, or what cannot be read."""
    pieces, parameters, words, over = [""], [], [], False
    for kind, text in _tokens(sql, dialect):
        if kind in _PROBLEMS:
            raise ValueError(_PROBLEMS[kind])
        if kind in ("comment", "space"):
            # A comment may be a hint to the database: it stays.
            pieces[-1] += text
            continue
        if over:
            raise ValueError("only one statement is possible: use a step for each")
        if kind == "end":
            over = True
        elif kind == "parameter":
            parameters.append(text[1:])
            pieces.append("")
        else:
            pieces[-1] += text
            if kind == "word":
                words.append(text.upper())
    if not words:
        raise ValueError("there is no statement in it")
    return Statement(tuple(pieces), tuple(parameters), tuple(words))


def _tokens(sql: str, dialect: Dialect) -> Iterator[tuple[str, str]]:
    scanner, at, brackets = _SCANNERS[dialect], 0, 0
    while at < len(sql):
        found = scanner.match(sql, at)
        # Every character matches `other`.
        kind, start = str(found.lastgroup if found else ""), at
        kind = "parameter" if kind == "name" else kind
        at = found.end() if found else len(sql)
        if kind == "nested":
            kind, at = _after_nested(sql, at)
        elif kind == "dollar":
            kind, at = _after_dollar(sql, sql[start:at], at)
        text = sql[start:at]
        brackets += (text == "[") - (text == "]")
        if kind == "parameter" and brackets > 0 and text[1:].isdigit():
            # a[1:2] is a slice of an array.
            kind = "other"
        yield kind, text


def _after_nested(sql: str, at: int) -> tuple[str, int]:
    """Comments in Postgres nest."""
    depth = 1
    while depth:
        opened, closed = sql.find("/*", at), sql.find("*/", at)
        if closed < 0:
            return "open", at
        inner = 0 <= opened < closed
        depth += 1 if inner else -1
        at = (opened if inner else closed) + 2
    return "comment", at


def _after_dollar(sql: str, tag: str, at: int) -> tuple[str, int]:
    end = sql.find(tag, at)
    return ("open", at) if end < 0 else ("string", end + len(tag))
