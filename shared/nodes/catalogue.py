"""All node types: the modules of this folder, and what other distributions offer as entry points."""

import importlib
import pkgutil
from collections.abc import Iterator, Mapping
from functools import lru_cache
from importlib.metadata import entry_points
from types import MappingProxyType

import shared.nodes
from shared.nodes.base import NodeType

ENTRY_POINTS = "flowversal.nodes"
"""Group of entry points; each names a subclass of NodeType."""


@lru_cache(maxsize=1)
def node_types() -> Mapping[str, NodeType]:
    """Every node type by its name, sorted. Raises ValueError if two share a name or an entry point is none."""
    found: dict[str, NodeType] = {}
    for where, node_class in [*_own(), *_offered()]:
        name = node_class.type
        if name in found:
            raise ValueError(f"{where} defines the node type {name}, which is there already: rename or uninstall it")
        found[name] = node_class()
    return MappingProxyType(dict(sorted(found.items())))


def _own() -> Iterator[tuple[str, type[NodeType]]]:
    for module in pkgutil.iter_modules(shared.nodes.__path__, "shared.nodes."):
        for value in vars(importlib.import_module(module.name)).values():
            if _is_node_type(value) and value.__module__ == module.name:
                yield module.name, value


def _offered() -> Iterator[tuple[str, type[NodeType]]]:
    for point in entry_points(group=ENTRY_POINTS):
        value = point.load()
        if not _is_node_type(value):
            raise ValueError(f"The entry point {point.name} ({point.value}) is not a subclass of NodeType")
        yield point.value, value


def _is_node_type(value: object) -> bool:
    return isinstance(value, type) and issubclass(value, NodeType) and hasattr(value, "type")
