"""Log lines of steps: gathered, then stored with COPY four times a second on a connection of their own."""

import threading
from collections import OrderedDict, deque
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import psycopg

from shared.db.pool import SERVER_ERRORS, connect
from shared.domain.errors import InvalidValue
from shared.domain.outcome import Key
from shared.domain.values import to_json
from shared.log import get_logger

FLUSH_S = 0.25
MAX_WAITING = 100_000
MAX_LINES_OF_RUN = 20_000
MAX_MESSAGE = 10_000
_REMEMBERED_RUNS = 10_000
MAX_FIELDS_BYTES = 20_000

LIMIT_REACHED = f"This run has logged {MAX_LINES_OF_RUN:,} lines here; further ones are left out."
COPY_LOGS = "COPY execution_logs (execution_id, at, level, node, item, attempt, message, fields) FROM STDIN"
_log = get_logger(__name__)
_Line = tuple[UUID, datetime, str, str, str, int, str, str | None]


class LogWriter:
    """Takes lines from any thread. When Postgres is away lines wait; past 100,000 the oldest are dropped and counted."""

    def __init__(self, database_url: str, on_stored: Callable[[set[UUID]], None]) -> None:
        self._database_url = database_url
        self._on_stored = on_stored
        self._lines: deque[_Line] = deque()
        self._dropped = 0
        self._counts: OrderedDict[UUID, int] = OrderedDict()
        self._lock = threading.Lock()
        self._closed = threading.Event()
        self._connection: psycopg.Connection[Any] | None = None
        self._thread = threading.Thread(target=self._run, name="logs", daemon=True)
        self._thread.start()

    def add(self, key: Key, attempt: int, level: str, message: str, fields: dict[str, Any]) -> None:
        """Add a line; it is stored within about a quarter of a second. Past 20,000 lines of one run it is left out."""
        count = self._count(key[0])
        if count > MAX_LINES_OF_RUN:
            return
        if count == MAX_LINES_OF_RUN:
            level, message, fields = "warning", LIMIT_REACHED, {}
        if len(self._lines) >= MAX_WAITING:
            self._lines.popleft()
            self._dropped += 1
        text = message.replace("\x00", "\ufffd").encode("utf-8", "replace").decode()[:MAX_MESSAGE]
        self._lines.append((key[0], datetime.now(UTC), level, key[1], key[2], attempt, text, _fields(fields)))

    def _count(self, execution_id: UUID) -> int:
        """The number of this line among those of its run in this process."""
        with self._lock:
            count = self._counts[execution_id] = self._counts.get(execution_id, 0) + 1
            self._counts.move_to_end(execution_id)
            while len(self._counts) > _REMEMBERED_RUNS:
                self._counts.popitem(last=False)
        return count

    def close(self) -> None:
        """Store what is left, then stop."""
        self._closed.set()
        self._thread.join(timeout=5)

    def _run(self) -> None:
        while not self._closed.wait(FLUSH_S):
            self._flush()
        self._flush()
        if self._connection is not None:
            self._connection.close()

    def _flush(self) -> None:
        lines = [self._lines.popleft() for _ in range(len(self._lines))]
        if not lines:
            return
        try:
            self._store(lines)
        except SERVER_ERRORS:
            self._lines.extendleft(reversed(lines))
            self._connection = None
        except psycopg.Error:
            _log.exception("log lines could not be stored", lines=len(lines))
            self._connection = None
        else:
            self._on_stored({line[0] for line in lines})
        if self._dropped:
            _log.warning("log lines dropped: Postgres was away for too long", lines=self._dropped)
            self._dropped = 0

    def _store(self, lines: list[_Line]) -> None:
        if self._connection is None or self._connection.closed:
            self._connection = connect(self._database_url, application_name="flowversal-logs")
        with self._connection.transaction(), self._connection.cursor() as cursor, cursor.copy(COPY_LOGS) as copy:
            for line in lines:
                copy.write_row(line)


def _fields(fields: dict[str, Any]) -> str | None:
    if not fields:
        return None
    try:
        return to_json(fields, max_bytes=MAX_FIELDS_BYTES).decode()
    except InvalidValue as error:
        return to_json({"unstorable": str(error)[:500]}, max_bytes=MAX_FIELDS_BYTES).decode()
