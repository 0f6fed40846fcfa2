"""The running half of the compiler: one maker per kind of syntax, each returning a function of scope and budget.

Whatever fails inside is placed at the innermost column that is known; the template adds path and source.
"""

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

from shared.expr.access import cut, get
from shared.expr.budget import Budget
from shared.expr.errors import TYPE, VALUE, ExpressionError, MissingField
from shared.expr.kinds import kind
from shared.expr.paths import Key, path_text

Scope = Mapping[str, Any]
Run = Callable[[Scope, Budget], Any]
_CONTEXT = {"item": "there is no item here: it exists only inside a forEach container"}
_CONTEXT["index"] = _CONTEXT["item"].replace("item", "index", 1)


def constant(value: Any) -> Run:
    """A literal."""
    return lambda scope, budget: value


def path(root: str, keys: tuple[Key, ...], column: int) -> Run:
    """`root.key[0].key`: the commonest expression, read in one go and explained only when something is missing."""
    cost = 1 + len(keys) // 8

    def run(scope: Scope, budget: Budget) -> Any:
        budget.step(cost)
        try:
            value = scope[root]
            for key in keys:
                value = value[key]
        except (KeyError, IndexError, TypeError):
            value = _walk(scope, budget)
        return value

    def _walk(scope: Scope, budget: Budget) -> Any:
        try:
            if root not in scope:
                raise MissingField(_CONTEXT.get(root, f"'{root}' is not available here"))
            value = scope[root]
            for position, key in enumerate(keys):
                value = get(value, key, budget, partial(path_text, root, keys, position))
        except ExpressionError as error:
            raise error.at(column) from None
        return value

    return run


def part(value: Run, key: Run, column: int) -> Run:
    """`value.key` or `value[key]` of a computed value."""

    def run(scope: Scope, budget: Budget) -> Any:
        budget.step()
        found, wanted = value(scope, budget), key(scope, budget)
        try:
            return get(found, wanted, budget)
        except ExpressionError as error:
            raise error.at(column) from None

    return run


def part_slice(value: Run, start: Run, stop: Run, column: int) -> Run:
    """`value[start:stop]`."""

    def run(scope: Scope, budget: Budget) -> Any:
        found, low, high = value(scope, budget), start(scope, budget), stop(scope, budget)
        try:
            return cut(found, low, high, budget)
        except ExpressionError as error:
            raise error.at(column) from None

    return run


def binary(operation: Callable[[Any, Any, Budget], Any], left: Run, right: Run, column: int) -> Run:
    """`left operator right`."""

    def run(scope: Scope, budget: Budget) -> Any:
        budget.step()
        a, b = left(scope, budget), right(scope, budget)
        try:
            return operation(a, b, budget)
        except ExpressionError as error:
            raise error.at(column) from None

    return run


def unary(operation: Callable[[Any, Budget], Any], operand: Run, column: int) -> Run:
    """`operator operand`."""

    def run(scope: Scope, budget: Budget) -> Any:
        budget.step()
        value = operand(scope, budget)
        try:
            return operation(value, budget)
        except ExpressionError as error:
            raise error.at(column) from None

    return run


def chain(first: Run, rest: tuple[tuple[Callable[[Any, Any, Budget], Any], Run], ...], column: int) -> Run:
    """`a < b <= c`: each operand evaluated once, ends at the first comparison that fails."""

    def run(scope: Scope, budget: Budget) -> Any:
        left = first(scope, budget)
        for operation, operand in rest:
            budget.step()
            right = operand(scope, budget)
            try:
                if not operation(left, right, budget):
                    return False
            except ExpressionError as error:
                raise error.at(column) from None
            left = right
        return True

    return run


def both(operands: tuple[Run, ...], *, until: bool) -> Run:
    """`and` (until False) and `or` (until True): the first operand whose truth is `until`, else the last."""

    def run(scope: Scope, budget: Budget) -> Any:
        value = None
        for operand in operands:
            budget.step()
            value = operand(scope, budget)
            if bool(value) is until:
                return value
        return value

    return run


def choice(condition: Run, yes: Run, no: Run) -> Run:
    """`yes if condition else no`."""

    def run(scope: Scope, budget: Budget) -> Any:
        budget.step()
        return yes(scope, budget) if condition(scope, budget) else no(scope, budget)

    return run


def new_list(items: tuple[Run, ...]) -> Run:
    """`[a, b]`."""

    def run(scope: Scope, budget: Budget) -> Any:
        budget.items(len(items))
        return [item(scope, budget) for item in items]

    return run


def new_object(keys: tuple[Run, ...], values: tuple[Run, ...], column: int) -> Run:
    """`{"a": b}`."""

    def run(scope: Scope, budget: Budget) -> Any:
        budget.items(len(keys), 110)
        result = {}
        for key, value in zip(keys, values, strict=True):
            name = key(scope, budget)
            if type(name) is not str:
                raise ExpressionError(
                    TYPE, f"the keys of an object are text, not {kind(name)}: use str(x)", column=column
                )
            result[name] = value(scope, budget)
        return result

    return run


def comprehension(name: str, source: Run, conditions: tuple[Run, ...], item: Run, column: int) -> Run:
    """`[item for name in source if condition]`."""

    def run(scope: Scope, budget: Budget) -> Any:
        values = source(scope, budget)
        if type(values) is not list:
            what = "an object: use keys(x), values(x) or entries(x)" if type(values) is dict else kind(values)
            raise ExpressionError(TYPE, f"for needs a list, not {what}", column=column)
        inner = dict(scope)
        result = []
        budget.step(1 + len(inner))
        budget.charge(64 + 110 * len(inner))
        for value in values:
            budget.step()
            inner[name] = value
            if all(condition(inner, budget) for condition in conditions):
                budget.charge(10)
                result.append(item(inner, budget))
        return result

    return run


def call(name: str, function: Callable[..., Any], arguments: tuple[Run, ...], column: int) -> Run:
    """`name(arguments)`."""

    def run(scope: Scope, budget: Budget) -> Any:
        budget.step()
        values = [argument(scope, budget) for argument in arguments]
        try:
            return function(budget, *values)
        except ExpressionError as error:
            raise error.at(column) from None
        except (ValueError, TypeError, ArithmeticError, LookupError, RecursionError) as error:
            # The functions check what they are given; this is the net below them (lone surrogates, for one).
            raise ExpressionError(VALUE, f"{name}() cannot use this value: {error}"[:200], column=column) from None

    return run


def first_present(arguments: tuple[Run, ...]) -> Run:
    """`default` and `coalesce`: the first argument that is neither missing nor null; the last may fail or be null."""
    *optional, final = arguments

    def run(scope: Scope, budget: Budget) -> Any:
        for argument in optional:
            budget.step()
            try:
                value = argument(scope, budget)
            except MissingField:
                continue
            if value is not None:
                return value
        return final(scope, budget)

    return run
