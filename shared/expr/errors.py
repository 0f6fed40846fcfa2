"""What an expression can do wrong, in words that say how to put it right."""

from collections.abc import Callable, Iterable
from difflib import get_close_matches

from shared.domain.errors import FlowversalError, Problem, RequestError

SYNTAX = "EXPRESSION_SYNTAX"
NAME = "EXPRESSION_NAME"
TYPE = "EXPRESSION_TYPE"
BUDGET = "EXPRESSION_BUDGET"
VALUE = "EXPRESSION_VALUE"
# Names that a hint lists where none is near.
_SHOWN = 8


class ExpressionError(FlowversalError):
    """An expression that cannot be compiled or evaluated.

    `code` is one of the five above, `source` the expression's text, `column` 1-based within it (0: unknown).
    """

    def __init__(self, code: str, message: str | Callable[[], str], *, source: str = "", column: int = 0) -> None:
        self.code = code
        self.source = source
        self.column = column
        self._message = message
        super().__init__(code)

    @property
    def message(self) -> str:
        """What is wrong and what to do; built on first use, because `default` swallows many of these unread."""
        if not isinstance(self._message, str):
            self._message = self._message()
        return self._message

    def at(self, column: int) -> "ExpressionError":
        """The same error, placed at `column` unless an inner part has placed it already."""
        if not self.column:
            self.column = column
        return self

    def __str__(self) -> str:
        where = f" in {{{{ {shorten(self.source, 80)} }}}}" if self.source else ""
        return f"{self.message}{where}{f', column {self.column}' if self.column else ''}"


class MissingField(ExpressionError):
    """A field, index or scope name that is not there: what `default` and `coalesce` forgive."""

    def __init__(self, message: str | Callable[[], str]) -> None:
        super().__init__(NAME, message)


class TemplateErrors(RequestError):
    """Every problem of a template, each with its path."""

    def __init__(self, problems: list[Problem]) -> None:
        self.problems = problems
        super().__init__("; ".join(f"{problem.path}: {problem.message}" for problem in problems))


def near(name: str, options: Iterable[str]) -> str:
    """`; near: a, b` for the options that look like `name`, or what there is when nothing does; may be empty."""
    candidates = [option for _, option in zip(range(200), options, strict=False) if len(option) <= 64]
    if not candidates:
        return ""
    close = get_close_matches(name, candidates, n=3, cutoff=0.6) if len(name) <= 64 else []
    if close:
        return f"; near: {', '.join(close)}"
    more = ", …" if len(candidates) > _SHOWN else ""
    return f"; there is: {', '.join(candidates[:_SHOWN])}{more}"


def shorten(text: str, length: int = 40) -> str:
    """`text` cut to `length` characters, for messages."""
    return text if len(text) <= length else f"{text[: length - 1]}…"
