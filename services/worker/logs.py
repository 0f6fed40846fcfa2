"""Log lines of steps: gathered, then stored with COPY four times a second on a connection of their own.

A line is written as Postgres reads it (`shared.db.log_lines`) when it is added, so that storing thousands is one text.
How many lines a run has is asked of Postgres with its first ones, and again with every two thousand: other processes, and
this one before a restart, write to the same log.
"""

import threading
import time
from collections import Counter, OrderedDict, deque
from collections.abc import Callable, Iterable
from itertools import count
from typing import Any
from uuid import UUID

import psycopg

from shared.db.log_lines import COPY_LOGS, COUNT_LOGS, line, origin
from shared.db.pool import SERVER_ERRORS, connect
from shared.domain.errors import InvalidValue
from shared.domain.outcome import Key
from shared.domain.values import to_json
from shared.log import get_logger

FLUSH_S = 0.25
MAX_WAITING = 100_000
LINES_AT_ONCE = 500
MAX_LINES_OF_RUN = 20_000
COUNT_EVERY = 2_000
MAX_MESSAGE = 10_000
_REMEMBERED_RUNS = 10_000
MAX_FIELDS_BYTES = 20_000

LIMIT_REACHED = (
    f"LOG_LIMIT: this run has logged {MAX_LINES_OF_RUN:,} lines; further ones are left out. Log less, or less often."
)
_log = get_logger(__name__)


class _Run:
    """What the lines of one run have in common."""

    __slots__ = ("counted", "elsewhere", "execution_id", "full", "numbers", "stored")

    def __init__(self, execution_id: UUID) -> None:
        self.execution_id = execution_id
        self.numbers = count(1)
        """Of its lines in this process; taking one needs no lock."""
        self.elsewhere = 0
        """Lines that others have stored, when they were counted last."""
        self.stored = 0
        """Lines that this process has stored."""
        self.counted = -COUNT_EVERY
        """How many of these there were when the lines were counted last."""
        self.full = False


class StepLog:
    """Takes the lines of one attempt, from any thread."""

    def __init__(self, writer: "LogWriter", run: _Run, begins: str) -> None:
        self._writer = writer
        self._run = run
        self._begins = begins

    def add(self, level: str, message: str, fields: dict[str, Any]) -> None:
        """Add a line; it is stored within about a quarter of a second. Past 20,000 lines of one run it is left out."""
        run = self._run
        if next(run.numbers) + run.elsewhere >= MAX_LINES_OF_RUN:
            if run.full:
                return
            run.full = True
            level, message, fields = "warning", LIMIT_REACHED, {}
        text = line(self._begins, time.time_ns() // 1_000_000, level, _storable(message), _fields(fields))
        self._writer.take(run, text)


class LogWriter:
    """Stores the lines of all steps. When Postgres is away they wait; past 100,000 the oldest are dropped and counted."""

    def __init__(self, database_url: str, on_stored: Callable[[set[UUID]], None]) -> None:
        self._database_url = database_url
        self._on_stored = on_stored
        self._lines: deque[tuple[_Run, str]] = deque()
        self._dropped = 0
        self._runs: OrderedDict[UUID, _Run] = OrderedDict()
        self._lock = threading.Lock()
        self._closed = threading.Event()
        self._connection: psycopg.Connection[Any] | None = None
        self._thread = threading.Thread(target=self._run, name="logs", daemon=True)
        self._thread.start()

    def of(self, key: Key, attempt: int) -> StepLog:
        """Where an attempt logs; to be asked for with its first line, as most log nothing."""
        with self._lock:
            run = self._runs.setdefault(key[0], _Run(key[0]))
            self._runs.move_to_end(key[0])
            while len(self._runs) > _REMEMBERED_RUNS:
                self._runs.popitem(last=False)
        return StepLog(self, run, origin(key, attempt))

    def take(self, run: _Run, text: str) -> None:
        """Keep a line until it is stored."""
        if len(self._lines) >= MAX_WAITING:
            self._lines.popleft()
            self._dropped += 1
        self._lines.append((run, text))

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
        runs = Counter(run for run, _ in lines)
        try:
            self._store([text for _, text in lines], runs)
        except SERVER_ERRORS:
            self._lines.extendleft(reversed(lines))
            self._connection = None
        except psycopg.Error:
            _log.exception("log lines could not be stored", lines=len(lines))
            self._connection = None
        else:
            for run, more in runs.items():
                run.stored += more
            self._on_stored({run.execution_id for run in runs})
        if self._dropped:
            _log.warning("log lines dropped: Postgres was away for too long", lines=self._dropped)
            self._dropped = 0

    def _store(self, lines: list[str], runs: Iterable[_Run]) -> None:
        if self._connection is None or self._connection.closed:
            self._connection = connect(self._database_url, application_name="flowversal-logs")
        with self._connection.transaction(), self._connection.cursor() as cursor:
            if due := [run for run in runs if run.stored - run.counted >= COUNT_EVERY]:
                cursor.execute(COUNT_LOGS, {"ids": [run.execution_id for run in due]})
                there: dict[UUID, int] = dict(cursor.fetchall())
                for run in due:
                    run.elsewhere = there.get(run.execution_id, 0) - run.stored
                    run.counted = run.stored
            with cursor.copy(COPY_LOGS) as copy:
                for place in range(0, len(lines), LINES_AT_ONCE):
                    copy.write("".join(lines[place : place + LINES_AT_ONCE]))


def _storable(message: str) -> str:
    """The message as Postgres takes it, at most 10,000 characters."""
    if not message.isascii():
        message = message.encode("utf-8", "replace").decode()
    return message[:MAX_MESSAGE].replace("\x00", "\ufffd")


def _fields(fields: dict[str, Any]) -> str | None:
    if not fields:
        return None
    try:
        return to_json(fields, max_bytes=MAX_FIELDS_BYTES).decode()
    except InvalidValue as error:
        return to_json({"unstorable": str(error)[:500]}, max_bytes=MAX_FIELDS_BYTES).decode()
