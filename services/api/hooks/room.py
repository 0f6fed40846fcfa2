"""What all webhooks of a process share, such as memory for bodies; a quarter of it is the most for one webhook.

So a webhook that is flooded leaves room for the others. Kept in process memory.
"""

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Lock
from uuid import UUID

from services.api.hooks.refused import Refused, too_many

_BUSY = "This installation has as many calls at hand as it can take. Send it again in a moment."


class Share:
    """What one call holds of a room. It grows with what has come, not with what was announced."""

    def __init__(self, room: "Room", trigger_id: UUID) -> None:
        self._room = room
        self._trigger_id = trigger_id
        self.held = 0

    def grow(self, amount: int) -> None:
        """Hold so much more. Raises Refused 429 where that is too much."""
        if not self._room.take(self._trigger_id, amount):
            raise no_room()
        self.held += amount


class Room:
    """`most` in all, in bytes or calls."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._lock = Lock()
        self._held = Counter[UUID]()

    @contextmanager
    def share(self, trigger_id: UUID) -> Iterator[Share]:
        """An empty share, around what needs it; given back at the end."""
        share = Share(self, trigger_id)
        try:
            yield share
        finally:
            self.give_back(trigger_id, share.held)

    def take(self, trigger_id: UUID, amount: int) -> bool:
        """Whether there is so much left, for all and for this webhook; it is held then."""
        with self._lock:
            if self._held[trigger_id] + amount > self._most // 4 or self._held.total() + amount > self._most:
                return False
            self._held[trigger_id] += amount
            return True

    def give_back(self, trigger_id: UUID, amount: int) -> None:
        """What was held."""
        with self._lock:
            self._held[trigger_id] -= amount
            if not self._held[trigger_id]:
                del self._held[trigger_id]


def no_room() -> Refused:
    """429: there is no room for one more call."""
    return too_many("busy", _BUSY, 1.0)
