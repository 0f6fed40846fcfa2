"""A child that ends in the process that started it: its parent is told at once. A hint; clockwork tells every parent."""

import threading
from collections import OrderedDict
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from uuid import UUID

from shared.log import get_logger

_REMEMBERED = 10_000
_log = get_logger(__name__)


class Reporter:
    """`report` tells the parent of a child; it is called in a thread of its own."""

    def __init__(self, report: Callable[[UUID], None]) -> None:
        self._report = report
        self._lock = threading.Lock()
        self._expected: OrderedDict[UUID, None] = OrderedDict()
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="reports")

    def expect(self, child_id: UUID) -> None:
        """A step of this process waits for this execution."""
        with self._lock:
            self._expected[child_id] = None
            while len(self._expected) > _REMEMBERED:
                self._expected.popitem(last=False)

    def ended(self, ids: Iterable[UUID]) -> None:
        """These executions have ended in this process; most of them are nobody's child."""
        if not self._expected:
            return
        with self._lock:
            found = [id for id in ids if self._expected.pop(id, self) is None]
        for id in found:
            self._thread.submit(self._tell, id)

    def close(self) -> None:
        """Tell what is known to have ended; the rest is clockwork's."""
        with self._lock:
            self._expected.clear()
        self._thread.shutdown()

    def _tell(self, child_id: UUID) -> None:
        try:
            self._report(child_id)
        except Exception as error:  # noqa: BLE001 - whatever it is, clockwork does it a moment later
            _log.info("a parent was not told at once that its child is over", error=str(error).strip())
