"""Which credentials a definition names, and where; also in one that does not compile."""

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any, NamedTuple
from uuid import UUID

from shared import ids
from shared.nodes.credential_field import credential_fields

if TYPE_CHECKING:
    from shared.nodes.base import NodeType


class Reference(NamedTuple):
    """A parameter that names a credential of one of these `types`; `path` like `containers[0].nodes[1].params.credential`."""

    path: str
    id: UUID
    types: tuple[str, ...]


def credential_references(definition: Any, catalogue: "Mapping[str, NodeType]") -> Iterator[Reference]:
    """Every credential that the parameters of nodes name, in the order of the text."""
    for at, container in enumerate(_items(definition, "containers")):
        for place, node in enumerate(_items(container, "nodes")):
            kind, params = node.get("type"), node.get("params")
            if isinstance(kind, str) and kind in catalogue and isinstance(params, dict):
                for name, mark in credential_fields(catalogue[kind].params).items():
                    id = ids.decode(ids.CREDENTIAL, text) if isinstance(text := params.get(name), str) else None
                    if id is not None:
                        yield Reference(f"containers[{at}].nodes[{place}].params.{name}", id, mark.types)


def _items(value: Any, name: str) -> list[dict[str, Any]]:
    found = value.get(name) if isinstance(value, dict) else None
    return [each if isinstance(each, dict) else {} for each in found] if isinstance(found, list) else []
