"""Messages for a broker that is away: a bounded number of them, for a short time, until it is back.

They are hints, so one that is dropped here or sent twice costs nothing but time: the sweeper sends it, a claim refuses it.
"""

from collections import OrderedDict
from collections.abc import Callable, Sequence
from threading import Lock
from time import monotonic

from shared.broker import StepRef
from shared.published import count


class Unsent:
    """At most `capacity` steps, each once, none for longer than `longest_s` seconds; from any thread, never blocking.

    The oldest are dropped first: the sweeper, which sends what has waited the longest, begins with them.
    """

    def __init__(
        self, capacity: int = 10_000, longest_s: float = 60.0, *, clock: Callable[[], float] = monotonic
    ) -> None:
        self._capacity = capacity
        self._longest_s = longest_s
        self._clock = clock
        self._kept: OrderedDict[StepRef, float] = OrderedDict()
        self._lock = Lock()

    def __len__(self) -> int:
        return len(self._kept)

    def keep(self, refs: Sequence[StepRef]) -> None:
        """Remember steps whose messages could not be sent; the age of one that is known goes on."""
        with self._lock:
            before = len(self._kept)
            for ref in refs:
                self._kept.setdefault(ref, self._clock())
            count(len(self._kept) - before, "kept")
            while len(self._kept) > self._capacity:
                self._drop_oldest()
            self._forget_old()

    def first(self) -> StepRef | None:
        """The oldest, which stays; None if there is none that is not too old."""
        with self._lock:
            self._forget_old()
            return next(iter(self._kept), None)

    def take(self) -> list[StepRef]:
        """All that is not too old, in the order in which it came; it is the caller's from now on."""
        with self._lock:
            self._forget_old()
            found = list(self._kept)
            self._kept.clear()
            return found

    def _forget_old(self) -> None:
        oldest = self._clock() - self._longest_s
        while self._kept and next(iter(self._kept.values())) < oldest:
            self._drop_oldest()

    def _drop_oldest(self) -> None:
        self._kept.popitem(last=False)
        count(1, "failed")
