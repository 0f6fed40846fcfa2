"""Which error codes a node type can meet: those raised by whatever of ours its module names, and what that names in turn.

Told from the sources alone, by functions and classes: what is reached through a value, as `ctx.http`, is not seen.
"""

import ast
import inspect
import sys
from collections.abc import Iterator
from functools import cache
from importlib import import_module
from types import ModuleType
from typing import Any

from shared.nodes.base import NodeType
from shared.nodes.contract import raised_codes

_Place = tuple[str, str]
# What every node type has to do with: base classes, and the codes that any step may have.
_NOT_FOLLOWED = frozenset({"shared.nodes.base", "shared.nodes.credential_field", "shared.domain.errors"})


def reached_codes(node_type: NodeType) -> dict[str, str]:
    """Each code with the place that raises it, `module.name`."""
    module = type(node_type).__module__
    todo = [(module, name) for name in _definitions(module)]
    seen, found = set(todo), {}
    while todo:
        place = todo.pop()
        for code in _raised(place):
            found[code] = ".".join(place)
        fresh = set(_named(place)) - seen
        seen |= fresh
        todo += fresh
    return found


@cache
def _definitions(module: str) -> dict[str, ast.AST]:
    """The functions and classes at the top of a module."""
    try:
        tree = ast.parse(inspect.getsource(sys.modules[module]))
    except OSError:
        return {}
    kinds = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)
    return {node.name: node for node in tree.body if isinstance(node, kinds)}


def _raised(place: _Place) -> set[str]:
    module, name = place
    return raised_codes(ast.unparse(_definitions(module)[name]), vars(sys.modules[module]))


def _named(place: _Place) -> Iterator[_Place]:
    module, name = place
    known = vars(sys.modules[module])
    for node in ast.walk(_definitions(module)[name]):
        value: Any = None
        if isinstance(node, ast.Name):
            value = known.get(node.id)
        elif isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
            inside = known.get(node.value.id)
            value = getattr(inside, node.attr, None) if isinstance(inside, ModuleType) else None
        elif isinstance(node, ast.ImportFrom) and node.module and node.module.startswith("shared."):
            # Imported late, inside of a function.
            for each in node.names:
                yield from _ours(getattr(import_module(node.module), each.name, None))
        yield from _ours(value)


def _ours(value: Any) -> Iterator[_Place]:
    module, name = getattr(value, "__module__", None), getattr(value, "__qualname__", None)
    if isinstance(module, str) and module.startswith("shared.") and module not in _NOT_FOLLOWED:
        if name in _definitions(module):
            yield module, str(name)
        elif not isinstance(value, type) and type(value).__module__.startswith("shared."):
            yield from _ours(type(value))
