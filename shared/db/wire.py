"""Many statements in one round trip, straight on libpq (`psycopg.pq`), for the hot path alone.

A psycopg cursor spends about 80 µs of Python on each statement of a pipeline, this a few: on a path that sends five
statements for every step it is the largest single cost. Rows are still loaded by psycopg.
"""

import itertools
import re
import select
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any
from weakref import WeakKeyDictionary

import psycopg
from psycopg import pq
from psycopg.adapt import Transformer
from psycopg.errors import error_from_result
from psycopg.pq import TransactionStatus

_PARAMETER = re.compile(r"%\((\w+)\)s")
_connections: "WeakKeyDictionary[psycopg.Connection[Any], Wire]" = WeakKeyDictionary()


@dataclass(slots=True)
class Answer:
    """The rows of a statement; they are there after the round trip."""

    rows: list[tuple[Any, ...]] = field(default_factory=list)


@lru_cache(maxsize=1_000)
def _numbered(statement: str) -> tuple[bytes, tuple[str, ...]]:
    """The statement with `$1`, `$2`, … for its named parameters, and the names in that order."""
    names = list(dict.fromkeys(_PARAMETER.findall(statement)))
    text = _PARAMETER.sub(lambda found: f"${names.index(found[1]) + 1}", statement)
    return text.encode(), tuple(names)


def _text(value: Any) -> bytes | None:
    return value if value is None or isinstance(value, bytes) else str(value).encode()


def bytea(value: bytes) -> str:
    """Bytes as Postgres reads them in text."""
    return rf"\x{value.hex()}"


class Wire:
    """Statements gathered by `send` travel together in `round_trip`. For one thread at a time, as its connection.

    They are prepared where psycopg does not prepare (`Plans.KEPT`, the web server's pool), and planned anew each time on
    any other connection. On a connection that does not commit by itself the first of them begins a transaction, as with
    psycopg; on an autocommit connection one round trip is one transaction.
    """

    def __init__(self, connection: psycopg.Connection[Any]) -> None:
        self._pgconn = connection.pgconn
        self._begins = not connection.autocommit
        # Without the connection, which would never be forgotten then; only built-in types are loaded here.
        self._loader = Transformer()
        # psycopg must not prepare on the same connection: it deallocates everybody's statements after a rollback.
        self._prepares = connection.prepare_threshold is None
        self._names: dict[str, bytes] = {}
        self._numbers = itertools.count()
        self._waiting: list[tuple[str, list[bytes | None], Answer]] = []
        self._poll = select.poll()

    def send(self, statement: str, parameters: dict[str, Any] | None = None) -> Answer:
        """Add a statement to the next round trip. Parameters are sent as text: bytes as they are, None as NULL, str()."""
        answer = Answer()
        values = [_text((parameters or {})[name]) for name in _numbered(statement)[1]]
        self._waiting.append((statement, values, answer))
        return answer

    @property
    def waiting(self) -> bool:
        """Whether anything was sent that has not travelled yet."""
        return bool(self._waiting)

    def forget(self) -> None:
        """Drop what is waiting."""
        self._waiting.clear()

    def round_trip(self) -> None:
        """Send what is waiting and load every answer. Raises the psycopg error of the first statement that failed;
        the statements after it were not run. A transaction that was open has failed then.
        """
        waiting, self._waiting = self._waiting, []
        if self._begins and self._pgconn.transaction_status == TransactionStatus.IDLE:
            waiting.insert(0, ("BEGIN", [], Answer()))
        try:
            failed = self._exchange(waiting)
        except BaseException:
            # Nobody knows what is still on its way: no later statement may meet it.
            self._pgconn.finish()
            raise
        if failed is not None:
            raise error_from_result(failed)

    def _exchange(self, waiting: list[tuple[str, list[bytes | None], Answer]]) -> Any:
        """Send, and receive until the pipeline is empty; the first failed result, or None."""
        pgconn = self._pgconn
        pgconn.enter_pipeline_mode()
        # What the server will answer, in order: (a statement that was prepared, None) or (None, where the rows go).
        expected: list[tuple[str | None, Answer | None]] = []
        for statement, values, answer in waiting:
            if self._prepares:
                if statement not in self._names:
                    self._names[statement] = f"fv{next(self._numbers)}".encode()
                    pgconn.send_prepare(self._names[statement], _numbered(statement)[0])
                    expected.append((statement, None))
                pgconn.send_query_prepared(self._names[statement], values)
            else:
                pgconn.send_query_params(_numbered(statement)[0], values)
            expected.append((None, answer))
        pgconn.pipeline_sync()
        self._flush()
        failed = self._receive(expected)
        pgconn.exit_pipeline_mode()
        return failed

    def _receive(self, expected: list[tuple[str | None, Answer | None]]) -> Any:
        """Load the answers; the first failed result, or None."""
        failed = None
        for statement, answer in expected:
            result = self._next_result()
            while result is not None:
                if result.status == pq.ExecStatus.TUPLES_OK and answer is not None:
                    self._loader.set_pgresult(result)
                    answer.rows = self._loader.load_rows(0, result.ntuples, tuple)
                elif result.status not in (pq.ExecStatus.COMMAND_OK, pq.ExecStatus.TUPLES_OK):
                    failed = failed or result
                    if statement is not None:
                        self._names.pop(statement, None)
                result = self._next_result()
        while (result := self._next_result()) is None or result.status != pq.ExecStatus.PIPELINE_SYNC:
            pass
        return failed

    def _next_result(self) -> Any:
        """The next result, None at the end of a statement; raises OperationalError when the server is gone."""
        pgconn = self._pgconn
        while pgconn.is_busy():
            self._wait(select.POLLIN)
            pgconn.consume_input()
        return pgconn.get_result()

    def _flush(self) -> None:
        """Hand everything to the kernel; reads meanwhile, so that neither side waits for the other."""
        while self._pgconn.flush():
            if self._wait(select.POLLIN | select.POLLOUT) & select.POLLIN:
                self._pgconn.consume_input()

    def _wait(self, events: int) -> int:
        self._poll.register(self._pgconn.socket, events)
        return self._poll.poll()[0][1]


def wire_of(connection: psycopg.Connection[Any]) -> Wire:
    """The wire of a connection; its prepared statements live as long as that."""
    wire = _connections.get(connection)
    if wire is None:
        wire = _connections[connection] = Wire(connection)
    return wire
