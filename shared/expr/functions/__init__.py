"""The functions that expressions can call: one public Python function each, its first parameter the budget.

The name, the signature and the help that people see are those of the Python function; a trailing `_` is dropped.
"""

import inspect
from collections.abc import Callable
from dataclasses import dataclass
from types import ModuleType
from typing import Any

from shared.expr.functions import dates, encoding, lists, numbers, objects, text


@dataclass(frozen=True, slots=True)
class FunctionHelp:
    """A function as people see it: `signature` like `round(number, digits=0)`, `help` one sentence."""

    name: str
    signature: str
    help: str


@dataclass(frozen=True, slots=True)
class Function:
    """A function, how many arguments it takes (`most` None: any number) and its help."""

    call: Callable[..., Any]
    least: int
    most: int | None
    help: FunctionHelp


# These two look at their arguments one by one and forgive what is missing: the compiler knows them.
LAZY = {
    "default": Function(
        call=lambda: None,
        least=2,
        most=2,
        help=FunctionHelp(
            "default", "default(value, fallback)", "The value, or the fallback if it is missing or null."
        ),
    ),
    "coalesce": Function(
        call=lambda: None,
        least=1,
        most=None,
        help=FunctionHelp("coalesce", "coalesce(*values)", "The first value that is neither missing nor null."),
    ),
}


def _functions(module: ModuleType) -> dict[str, Function]:
    own = {
        name.rstrip("_"): value
        for name, value in vars(module).items()
        if inspect.isfunction(value) and value.__module__ == module.__name__ and not name.startswith("_")
    }
    return {name: _function(name, value) for name, value in own.items()}


def _function(name: str, call: Callable[..., Any]) -> Function:
    parameters = [p.replace(annotation=p.empty) for p in inspect.signature(call).parameters.values()][1:]
    shown = ", ".join(str(parameter) for parameter in parameters)
    many = any(parameter.kind is parameter.VAR_POSITIONAL for parameter in parameters)
    needed = [p for p in parameters if p.default is p.empty and p.kind is not p.VAR_POSITIONAL]
    summary = " ".join((call.__doc__ or "").split())
    return Function(
        call, len(needed), None if many else len(parameters), FunctionHelp(name, f"{name}({shown})", summary)
    )


FUNCTIONS: dict[str, Function] = {
    name: function
    for module in (text, numbers, lists, objects, dates, encoding)
    for name, function in _functions(module).items()
} | LAZY


def describe() -> list[FunctionHelp]:
    """Every function with its signature and one sentence of help, by name."""
    return [FUNCTIONS[name].help for name in sorted(FUNCTIONS)]
