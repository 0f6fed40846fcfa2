"""JSON values with `{{ expressions }}` in their strings: compiled once per version, evaluated once per step."""

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

from shared.domain.errors import Problem
from shared.expr.budget import MAX_SOURCE_DEPTH, Budget
from shared.expr.compile import Expression, compile_expression
from shared.expr.errors import BUDGET, VALUE, ExpressionError, TemplateErrors
from shared.expr.render import iso, plain, to_text
from shared.expr.sizes import Measure, text_size, width
from shared.expr.source import Hole, split_holes

# Up to this many plain paths may repeat parts of the scope without anyone counting their size.
_FREE_PATHS = 8
# More than anybody reads; finding the near names of each takes a while.
_MAX_PROBLEMS = 200
_Part = Callable[[Mapping[str, Any], Budget, Measure], Any]


class Template:
    """A compiled JSON value. `reads` are the ids of the nodes it reads as `steps.<id>`, `names` the roots it uses,
    `literal` the keys of the whole whose values are taken as they are written.

    Its results share parts with `source` and with the scope: treat all of them as immutable.
    """

    __slots__ = ("_part", "has_expressions", "literal", "names", "reads", "source")

    def __init__(
        self, source: Any, part: _Part | None, expressions: list[Expression], literal: frozenset[str] = frozenset()
    ) -> None:
        self.source = source
        self.literal = literal
        self.has_expressions = part is not None
        self.reads: frozenset[str] = frozenset().union(*(expression.reads for expression in expressions))
        self.names: frozenset[str] = frozenset().union(*(expression.names for expression in expressions))
        self._part = part

    def evaluate(self, scope: Mapping[str, Any], budget: Budget | None = None) -> Any:
        """The value with every expression replaced by its result: plain JSON, dates as ISO text.

        `scope` maps root names to JSON values (`now` to an aware datetime). Raises ExpressionError.
        """
        if self._part is None:
            return self.source
        budget = budget or Budget()
        return self._part(scope, budget, Measure(budget, repeats=True))


def compile_template(value: Any, *, path: str = "", literal: frozenset[str] = frozenset()) -> Template:
    """The template of a JSON value. Raises TemplateErrors with all problems, their paths below `path`.

    What is below the keys `literal` of an object is taken as it is written: `{{` has no meaning there.
    """
    compiler = _TemplateCompiler(literal)
    part = compiler.compile(value, path, 1)
    if compiler.problems:
        raise TemplateErrors(compiler.problems)
    return Template(value, part, compiler.expressions, literal)


class _TemplateCompiler:
    """Compiles a value depth first; a part without expressions compiles to None and is shared as it stands."""

    def __init__(self, literal: frozenset[str]) -> None:
        self.literal = literal
        self.problems: list[Problem] = []
        self.expressions: list[Expression] = []

    def compile(self, value: Any, path: str, depth: int) -> _Part | None:
        if type(value) is str:
            return self._text(value, path) if "{{" in value else None
        if depth > MAX_SOURCE_DEPTH and isinstance(value, dict | list):
            self._problem(path, f"nested deeper than {MAX_SOURCE_DEPTH} levels: make it flatter")
            return None
        if isinstance(value, dict):
            return self._object(value, path, depth)
        if isinstance(value, list):
            parts = [self.compile(child, f"{path}[{index}]", depth + 1) for index, child in enumerate(value)]
            return _list_part(value, parts) if any(parts) else None
        if value is not None and not isinstance(value, bool | int | float | str):
            self._problem(path, f"a {type(value).__name__} is not a JSON value")
        return None

    def _problem(self, path: str, message: str) -> None:
        if len(self.problems) < _MAX_PROBLEMS:
            self.problems.append(Problem(path, message))

    def _object(self, value: dict[Any, Any], path: str, depth: int) -> _Part | None:
        parts = {}
        for key, child in value.items():
            where = f"{path}.{key}" if path else str(key)
            if not isinstance(key, str):
                self._problem(where, "the keys of an object are text")
            elif "{{" in key:
                self._problem(where, "expressions are not evaluated in keys: build the object in one expression")
            if depth == 1 and key in self.literal:
                continue
            parts[key] = self.compile(child, where, depth + 1)
        dynamic = {key: part for key, part in parts.items() if part is not None}
        return _object_part(value, dynamic) if dynamic else None

    def _text(self, text: str, path: str) -> _Part | None:
        try:
            found = split_holes(text)
        except ExpressionError as error:
            self._problem(path, str(error))
            return None
        parts = [self._hole(part, path) if isinstance(part, Hole) else part for part in found]
        expressions = [part for part in parts if isinstance(part, Expression)]
        if len(parts) == 1 and expressions:
            return _value_part(expressions[0], free=len(self.expressions) <= _FREE_PATHS)
        return _mixed_part(parts)

    def _hole(self, hole: Hole, path: str) -> Expression | str:
        if len(self.problems) >= _MAX_PROBLEMS:
            return ""
        expression, errors = compile_expression(hole.source)
        for error in errors:
            self._problem(path, str(error))
        if expression is None:
            return ""
        self.expressions.append(expression)
        return expression


def _run(expression: Expression, scope: Mapping[str, Any], budget: Budget) -> Any:
    try:
        return expression.run(scope, budget)
    except ExpressionError as error:
        error.source = expression.source
        raise
    except (RecursionError, MemoryError):
        raise ExpressionError(BUDGET, "the value is too deep or too large", source=expression.source) from None
    except (ValueError, TypeError, ArithmeticError, LookupError) as error:
        # A scope that keeps its promises never gets here; one that does not must not take the worker down.
        raise ExpressionError(VALUE, f"the value cannot be used: {error}"[:200], source=expression.source) from None


def _value_part(expression: Expression, *, free: bool) -> _Part:
    """A string that is one expression: its value keeps its type."""
    unmeasured = free and expression.is_path

    def evaluate(scope: Mapping[str, Any], budget: Budget, measure: Measure) -> Any:
        value = _run(expression, scope, budget)
        try:
            if type(value) is list or type(value) is dict:
                if expression.dated and not expression.is_path:
                    value = plain(value, budget)
                if not unmeasured:
                    measure.size(value)
            elif isinstance(value, datetime):
                return iso(value)
            elif not unmeasured and type(value) in (str, int):
                measure.size(value)
        except ExpressionError as error:
            error.source = expression.source
            raise
        return value

    return evaluate


def _mixed_part(parts: list[Expression | str]) -> _Part:
    """Text with expressions in it: everything becomes text."""

    def evaluate(scope: Mapping[str, Any], budget: Budget, _: Measure) -> str:
        texts = []
        for part in parts:
            if isinstance(part, str):
                texts.append(part)
                continue
            try:
                texts.append(to_text(_run(part, scope, budget), budget))
            except (ValueError, TypeError) as error:
                raise ExpressionError(VALUE, f"no text form: {error}", source=part.source) from None
            except ExpressionError as error:
                error.source = part.source
                raise
        budget.charge(text_size(sum(map(len, texts)), max(map(width, texts))))
        return "".join(texts)

    return evaluate


def _list_part(value: list[Any], parts: list[_Part | None]) -> _Part:
    pairs = list(zip(value, parts, strict=True))

    def evaluate(scope: Mapping[str, Any], budget: Budget, measure: Measure) -> list[Any]:
        return [child if part is None else part(scope, budget, measure) for child, part in pairs]

    return evaluate


def _object_part(value: dict[str, Any], parts: dict[str, _Part]) -> _Part:
    items = list(parts.items())

    def evaluate(scope: Mapping[str, Any], budget: Budget, measure: Measure) -> dict[str, Any]:
        result = dict(value)
        for key, part in items:
            result[key] = part(scope, budget, measure)
        return result

    return evaluate


EMPTY = compile_template({})
"""The template of `{}`."""
