"""The large values that a process used last: bytes by reference, bounded by their sum."""

import threading
from collections import OrderedDict

from shared.domain.payload import Ref


class Cache:
    """Least recently used goes first. A value larger than half of it all is not kept. For any thread."""

    def __init__(self, size: int) -> None:
        self._size = size
        self._used = 0
        self._found: OrderedDict[tuple[object, int, int], bytes] = OrderedDict()
        self._lock = threading.Lock()

    def get(self, ref: Ref) -> bytes | None:
        """The value, if it is still here."""
        with self._lock:
            raw = self._found.get(_key(ref))
            if raw is not None:
                self._found.move_to_end(_key(ref))
            return raw

    def add(self, ref: Ref, raw: bytes) -> None:
        """Remember a value."""
        if len(raw) > self._size // 2:
            return
        with self._lock:
            if _key(ref) in self._found:
                return
            self._found[_key(ref)] = raw
            self._used += len(raw)
            while self._used > self._size:
                self._used -= len(self._found.popitem(last=False)[1])

    def __len__(self) -> int:
        """Bytes that are kept."""
        return self._used


def _key(ref: Ref) -> tuple[object, int, int]:
    return ref.id, ref.start, ref.size
