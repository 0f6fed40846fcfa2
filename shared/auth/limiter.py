"""How often one caller may fail. Kept in process memory: each process counts for itself."""

from collections import OrderedDict, deque
from collections.abc import Callable, Hashable
from threading import Lock
from time import monotonic

from shared.domain.errors import RequestError


class TooManyAttempts(RequestError):
    """Too many failures; `retry_after_s` says when to try again (seconds)."""

    def __init__(self, retry_after_s: float, detail: str) -> None:
        self.retry_after_s = retry_after_s
        super().__init__(detail)


class FailureLimiter:
    """At most `allowed` failures per key in any window of `window_s` seconds; remembers at most `capacity` keys."""

    def __init__(
        self, allowed: int, window_s: float, *, capacity: int = 10_000, clock: Callable[[], float] = monotonic
    ) -> None:
        self._allowed = allowed
        self._window_s = window_s
        self._capacity = capacity
        self._clock = clock
        self._failures: OrderedDict[Hashable, deque[float]] = OrderedDict()
        self._lock = Lock()

    def wait_s(self, key: Hashable) -> float:
        """Seconds until this key may try again; 0.0 when it may try now."""
        with self._lock:
            failures = self._recent(key)
            if len(failures) < self._allowed:
                return 0.0
            return max(0.0, failures[0] + self._window_s - self._clock())

    def failed(self, key: Hashable) -> None:
        """Count one failure."""
        with self._lock:
            failures = self._recent(key)
            failures.append(self._clock())
            self._failures[key] = failures
            self._failures.move_to_end(key)
            while len(self._failures) > self._capacity:
                self._failures.popitem(last=False)

    def succeeded(self, key: Hashable) -> None:
        """Forget the failures of this key."""
        with self._lock:
            self._failures.pop(key, None)

    def _recent(self, key: Hashable) -> deque[float]:
        failures = self._failures.get(key, deque())
        oldest = self._clock() - self._window_s
        while failures and failures[0] <= oldest:
            failures.popleft()
        return failures
