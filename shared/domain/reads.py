"""Which parts of a node's parameters hold expressions, and what each of them reads."""

from collections.abc import Iterator
from typing import Any

from shared.expr import TemplateErrors, compile_template
from shared.expr.errors import shorten


def dynamic_keys(params: dict[str, Any]) -> frozenset[str]:
    """The top-level keys whose value contains an expression, right or wrong."""
    return frozenset(key for key, value in params.items() if has_expression(value))


def expressions_of(value: Any, path: str) -> Iterator[tuple[str, frozenset[str], frozenset[str]]]:
    """(path, names, reads) of every text in `value` that holds expressions which compile."""
    for place, text in _texts(value, path):
        if "{{" in text:
            try:
                template = compile_template(text)
            except TemplateErrors:
                continue
            yield place, template.names, template.reads


def has_expression(value: Any) -> bool:
    """Whether any text in a JSON value contains an expression, right or wrong."""
    todo = [value]
    while todo:
        found = todo.pop()
        if isinstance(found, str):
            if "{{" in found:
                return True
        elif isinstance(found, dict):
            todo.extend(found.values())
        elif isinstance(found, list):
            todo.extend(found)
    return False


def _texts(value: Any, path: str) -> Iterator[tuple[str, str]]:
    """Every text in a JSON value with its path, in order."""
    if isinstance(value, str):
        yield path, value
    elif isinstance(value, dict):
        for key, child in value.items():
            yield from _texts(child, f"{path}.{shorten(key, 64)}")
    elif isinstance(value, list):
        for index, child in enumerate(value):
            yield from _texts(child, f"{path}[{index}]")
