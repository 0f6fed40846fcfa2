"""What clients remember of executions that the API has accepted."""

from dataclasses import dataclass, field
from uuid import UUID

from tests.chaos.kinds import Kind, Told


@dataclass(slots=True)
class Accepted:
    """An execution that the API has answered with 202. `cancel`: what a cancel was answered, if there was one."""

    id: UUID
    kind: Kind
    number: int
    user: int
    round: int
    cancel: int | None = None
    told: list[Told] = field(default_factory=list)
    """Decisions and calls that were sent to it, and their answers."""
