"""All node types: the modules of this folder, and what other distributions offer as entry points."""

from collections.abc import Mapping
from functools import lru_cache

import shared.nodes
from shared.catalogue import found_types
from shared.nodes.base import NodeType

ENTRY_POINTS = "flowversal.nodes"
"""Group of entry points; each names a subclass of NodeType."""


@lru_cache(maxsize=1)
def node_types() -> Mapping[str, NodeType]:
    """Every node type by its name, sorted. Raises ValueError if two of ours share a name."""
    return found_types(shared.nodes, NodeType, ENTRY_POINTS)
