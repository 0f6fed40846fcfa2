"""Access tokens of a process, by credential: fetched by one at a time, used until shortly before they end."""

import asyncio
import time
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

from shared.domain.errors import NodeError

MOST = 1_000
_EARLY_S = 60.0
_EARLY_SHARE = 0.1


@dataclass(frozen=True, slots=True)
class Token:
    """An access token and for how many seconds it is good."""

    text: str = field(repr=False)
    lives_s: float


@dataclass(slots=True)
class _Slot:
    lock: asyncio.Lock = field(default_factory=asyncio.Lock)
    token: Token | None = None
    renewed_from: float = 0.0
    failed_at: float = -1.0
    failure: NodeError | None = None


class Tokens:
    """For one event loop. `clock` gives seconds that never go back."""

    def __init__(self, clock: Callable[[], float] = time.monotonic, most: int = MOST) -> None:
        self._clock = clock
        self._most = most
        self._slots: OrderedDict[str, _Slot] = OrderedDict()

    async def get(
        self, key: str, fetch: Callable[[], Awaitable[Token]], refused: str | None = None
    ) -> tuple[str, bool]:
        """The token of a key, and whether it was there already; `refused` is one that a server no longer takes.

        Those who wait while one fetches share its token, and its NodeError. If it is canceled the next one fetches.
        """
        slot, came_at = self._slot(key), self._clock()
        if (found := self._good(slot, refused)) is not None:
            return found, True
        async with slot.lock:
            if (found := self._good(slot, refused)) is not None:
                return found, True
            if slot.failure is not None and slot.failed_at > came_at:
                raise slot.failure.with_traceback(None)
            return await self._fetch(slot, fetch), False

    async def _fetch(self, slot: _Slot, fetch: Callable[[], Awaitable[Token]]) -> str:
        slot.token = slot.failure = None
        try:
            token = await fetch()
        except NodeError as failure:
            slot.failure, slot.failed_at = failure, self._clock()
            raise
        slot.token = token
        early_s = min(_EARLY_S, token.lives_s * _EARLY_SHARE)
        slot.renewed_from = self._clock() + token.lives_s - early_s
        return token.text

    def _good(self, slot: _Slot, refused: str | None) -> str | None:
        token = slot.token
        if token is None or token.text == refused or self._clock() >= slot.renewed_from:
            return None
        return token.text

    def _slot(self, key: str) -> _Slot:
        slot = self._slots.get(key)
        if slot is None:
            slot = self._slots[key] = _Slot()
            if len(self._slots) > self._most:
                self._slots.popitem(last=False)
        self._slots.move_to_end(key)
        return slot
