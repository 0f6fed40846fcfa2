"""The help of a node type as its page shows it. Pure."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from services.dashboard.inputs import Input, inputs_of
from shared.nodes.base import NodeType

CATEGORIES = {"action": "Actions", "ai": "AI", "logic": "Logic", "data": "Data"}
"""What comes first, and what it is called; those of others follow under their own names."""
_KINDS = {"text": "text", "number": "number", "json": "JSON"}

Help = Mapping[str, Any]


def by_category(types: Iterable[NodeType]) -> dict[str, list[NodeType]]:
    """Types under the headings of their categories, each by label."""
    found: dict[str, list[NodeType]] = {category: [] for category in CATEGORIES}
    for each in sorted(types, key=lambda each: each.label):
        found.setdefault(each.category, []).append(each)
    return {CATEGORIES.get(category, category.capitalize()): those for category, those in found.items() if those}


def node_help(type: NodeType) -> Help:
    """`{"kind", "example", "parameters", "ports", "examples", "timeoutMs", "attempts"}`; `example` is a node that can be put into a definition."""
    return {
        "kind": type,
        "example": example_node(type),
        "parameters": [_parameter(each) for each in inputs_of(type.params.model_json_schema())],
        "ports": type.ports(type.example),
        "examples": type.examples,
        "timeoutMs": type.default_timeout_ms,
        "attempts": type.default_retry.max_attempts,
    }


def example_node(type: NodeType) -> dict[str, Any]:
    """A node of this type as a definition has it, with the parameters of its example."""
    return {"id": type.type.rpartition(".")[2], "type": type.type, "params": type.example}


def _parameter(input: Input) -> Help:
    return {
        "name": input.name,
        "help": input.help,
        "required": input.required,
        "default": input.default,
        "kind": " or ".join(_choices(input.choices)) if input.choices else _KINDS[input.kind],
        "limits": _limits(input),
    }


def _choices(choices: Sequence[tuple[str, str]]) -> list[str]:
    return [value if value in ("true", "false") else f"`{text}`" for value, text in choices]


def _limits(input: Input) -> str:
    """`1 to 100`, as far as the schema has them."""
    match input.least, input.most:
        case None, None:
            return ""
        case least, None:
            return f"at least {least:,}"
        case None, most:
            return f"at most {most:,}"
    return f"{input.least:,} to {input.most:,}"
