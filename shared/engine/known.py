"""What a process remembers of executions: what never changes of them, and how the newest claim saw them."""

from collections import OrderedDict
from dataclasses import dataclass
from functools import lru_cache
from typing import NamedTuple
from uuid import UUID

from shared.db import hot
from shared.db.hot import Week, uuid_array

_REMEMBERED = 10_000
"""About 4 MB."""


class Alone(NamedTuple):
    """An execution as the claim of its only open step saw it: with this `fence` the step is still that of the claim."""

    fence: int
    revision: int
    steps_resolved: int
    total_steps: int
    priority: int


@dataclass(slots=True)
class Known:
    """`started`: a step was claimed, so it is not `queued` any more. `alone`: of the newest claim, if nothing went on beside."""

    workflow_id: UUID
    version_id: UUID
    started: bool = False
    alone: Alone | None = None


def know(week: Week, ids: set[UUID]) -> dict[UUID, Known]:
    """Those of these executions that exist, from memory where possible; else it takes a round trip."""
    memory = _memory()
    found = {id: memory[id] for id in ids if id in memory}
    missing = [id for id in ids if id not in found]
    if missing:
        answer = week.run(hot.READ_EXECUTIONS, {"ids": uuid_array(missing)})
        week.wire.round_trip()
        for id, *never_changes in answer.rows:
            found[id] = memory[id] = Known(*_shared(*never_changes))
        while len(memory) > _REMEMBERED:
            memory.popitem(last=False)
    return found


def recall(id: UUID) -> Known | None:
    """What memory has of an execution."""
    return _memory().get(id)


def forget_executions() -> None:
    """After the server was away: what it said may be undone (a standby that was behind, a restored backup)."""
    _memory().clear()


@lru_cache(maxsize=1_000)
def _shared(workflow_id: UUID, version_id: UUID) -> tuple[UUID, UUID]:
    """The same objects for all executions of a version: they would be half of what is remembered."""
    return workflow_id, version_id


@lru_cache(maxsize=1)
def _memory() -> OrderedDict[UUID, Known]:
    return OrderedDict()
