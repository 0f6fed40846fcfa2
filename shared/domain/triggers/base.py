"""A trigger of a definition, checked."""

from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True)
class TriggerDefinition:
    """`id` is unique in its workflow; `config` has the type's fields, defaults filled in, as JSON."""

    path: str
    id: str
    type: str
    name: str = ""
    config: dict[str, Any] = field(default_factory=dict)
