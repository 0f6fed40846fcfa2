"""Which credentials a definition names, and where; also in one that does not compile."""

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any, NamedTuple
from uuid import UUID

from shared import ids
from shared.domain.triggers.webhook import TYPE as WEBHOOK
from shared.domain.triggers.webhook_auth import CREDENTIAL_TYPES
from shared.nodes.credential_field import credential_fields

if TYPE_CHECKING:
    from shared.nodes.base import NodeType

_NAMES = ("id", "name")


class Reference(NamedTuple):
    """A parameter that names a credential of one of these `types`; `path` like `containers[0].nodes[1].params.credential`.

    `use` is all that says what it is used for: type and parameters of the node, or type and configuration of the trigger.
    """

    path: str
    id: UUID
    types: tuple[str, ...]
    use: Mapping[str, Any]


def credential_references(definition: Any, catalogue: "Mapping[str, NodeType]") -> Iterator[Reference]:
    """Every credential that webhooks and the parameters of nodes name, in the order of the text."""
    yield from _of_webhooks(definition)
    for at, container in enumerate(_items(definition, "containers")):
        for place, node in enumerate(_items(container, "nodes")):
            kind, params = node.get("type"), node.get("params")
            if isinstance(kind, str) and kind in catalogue and isinstance(params, dict):
                for name, mark in credential_fields(catalogue[kind].params).items():
                    id = ids.decode(ids.CREDENTIAL, text) if isinstance(text := params.get(name), str) else None
                    if id is not None:
                        path = f"containers[{at}].nodes[{place}].params.{name}"
                        yield Reference(path, id, mark.types, {"type": kind, "params": params})


def _of_webhooks(definition: Any) -> Iterator[Reference]:
    for at, trigger in enumerate(_items(definition, "triggers")):
        way = trigger.get("authentication")
        if trigger.get("type") != WEBHOOK or not isinstance(way, dict):
            continue
        id = ids.decode(ids.CREDENTIAL, text) if isinstance(text := way.get("credential"), str) else None
        types = CREDENTIAL_TYPES.get(str(way.get("type")))
        if id is not None and types is not None:
            use = {name: value for name, value in trigger.items() if name not in _NAMES}
            yield Reference(f"triggers[{at}].authentication.credential", id, types, use)


def _items(value: Any, name: str) -> list[dict[str, Any]]:
    found = value.get(name) if isinstance(value, dict) else None
    return [each if isinstance(each, dict) else {} for each in found] if isinstance(found, list) else []
