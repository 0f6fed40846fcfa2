"""The triggers of a definition: the type of each chooses who reads the rest."""

from collections.abc import Callable, Mapping
from typing import Any

from shared.domain.fields import Fields
from shared.domain.triggers import finished, schedule, webhook
from shared.domain.triggers.base import TriggerDefinition

MAX_TRIGGERS = 100
MAX_NAME = 200
_IMPLICIT = ("manual", "api")
READERS: Mapping[str, Callable[[Fields], dict[str, Any]]] = {
    finished.TYPE: finished.read,
    schedule.TYPE: schedule.read,
    webhook.TYPE: webhook.read,
}
"""Each returns the `config` of its trigger, and notes what is wrong."""


def read_triggers(top: Fields) -> list[TriggerDefinition]:
    """Every trigger that could be read. `manual` and `api` are there without being listed, and have no fields."""
    found: dict[str, TriggerDefinition] = {}
    for fields in top.objects("triggers", most=MAX_TRIGGERS, what="triggers"):
        trigger = _read_one(fields)
        if trigger is None:
            continue
        if trigger.id in found:
            fields.refuse("id", f"the id {trigger.id} is used by another trigger: each needs its own")
        if any(_same_path(trigger, other) for other in found.values()):
            fields.refuse("path", "another trigger of this workflow has this path: each needs its own")
        found[trigger.id] = trigger
    return list(found.values())


def _same_path(one: TriggerDefinition, other: TriggerDefinition) -> bool:
    path = one.config.get("path")
    return path is not None and path == other.config.get("path")


def _read_one(fields: Fields) -> TriggerDefinition | None:
    chosen = fields.take("type")
    if chosen not in _IMPLICIT and chosen not in READERS:
        *most, last = [f"`{name}`" for name in (*_IMPLICIT, *READERS)]
        fields.refuse("type", f"this must be {', '.join(most)} or {last}")
        return None
    name = fields.identifier("id", what="a trigger")
    label = fields.text("name", most=MAX_NAME)
    config = READERS[chosen](fields) if chosen in READERS else {}
    fields.close("a trigger")
    return TriggerDefinition(fields.path, name, chosen, label, config) if name else None
