"""Queries of SQLite files: nothing but the file itself can be reached. Blocking; for a thread."""

import sqlite3
import time
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import quote

from shared.databases.request import INVALID_PARAMS, Answer, Request, excerpt, read_only, timed_out
from shared.databases.rows import Rows, json_bytes, json_float, json_text, row_too_large
from shared.databases.stop import Stop
from shared.domain.errors import InvalidValue, NodeError
from shared.domain.values import to_json

T = TypeVar("T")
_STEPS = 2_000
_AGAIN_S = 0.02
_MAX_VALUE_BYTES = 64_000_000
_MAX_HEAP_BYTES = 256_000_000
"""What all statements of a process have together, to sort and group in too: on disk that would have no end."""
_PRAGMAS = frozenset({"table_info", "table_xinfo", "table_list", "index_list", "index_info", "foreign_key_list"})
_DENIED_FUNCTIONS = frozenset({"load_extension", "fts3_tokenizer"})
_SYNTAX = ("syntax error", "no such", "ambiguous column", "incomplete input", "unrecognized token", "wrong number")
_KINDS = {int: "integer", float: "real", str: "text", bytes: "blob"}


def ask_sqlite(file: Path, request: Request, stop: Stop) -> Answer:
    """Open, ask, commit, close. Raises NodeError with a code of `CODES`."""
    statement, given = request.statement("sqlite")
    values = _bound(given)
    sql = statement.text([f"?{number}" for number in range(1, len(values) + 1)])
    patience = _Patience(stop, time.monotonic() + request.timeout_s)
    try:
        with closing(_opened(file, request, patience)) as connection:
            try:
                return _asked(connection, sql, values, request, patience)
            finally:
                stop.forget()
    except (sqlite3.Error, sqlite3.Warning, OverflowError, MemoryError) as error:
        raise _refusal(error, request) from None


@dataclass(frozen=True, slots=True)
class _Patience:
    """How long to go on: until a moment, or until somebody says stop."""

    stop: Stop
    until: float

    def is_over(self) -> bool:
        return self.stop.is_set or time.monotonic() > self.until

    def ask(self, what: Callable[[], T]) -> T:
        """Again while another holds the file; SQLite's own waiting could not be stopped."""
        while True:
            try:
                return what()
            except sqlite3.OperationalError as error:
                busy = error.sqlite_errorcode & 0xFF in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED)
                if not busy or self.is_over():
                    raise
                self.stop.wait(_AGAIN_S)


def _opened(file: Path, request: Request, patience: _Patience) -> sqlite3.Connection:
    mode = "rw" if request.write else "ro"
    connection = sqlite3.connect(
        f"file:{quote(str(file))}?mode={mode}", uri=True, timeout=0, isolation_level=None, check_same_thread=False
    )
    connection.text_factory = lambda raw: raw.decode("utf-8", "replace")
    connection.setlimit(
        sqlite3.SQLITE_LIMIT_LENGTH, max(request.max_bytes, 1_000_000) if not request.write else _MAX_VALUE_BYTES
    )
    connection.setlimit(sqlite3.SQLITE_LIMIT_LIKE_PATTERN_LENGTH, 1_000)
    connection.execute("PRAGMA temp_store = MEMORY")
    connection.execute(f"PRAGMA hard_heap_limit = {_MAX_HEAP_BYTES}")
    if not request.write:
        connection.execute("PRAGMA query_only = ON")
    connection.set_authorizer(_authorize)
    connection.set_progress_handler(patience.is_over, _STEPS)
    patience.stop.use(connection.interrupt)
    return connection


def _authorize(action: int, first: str | None, second: str | None, _: str | None, __: str | None) -> int:
    """Refuses other files, settings of the connection and code of others."""
    if action in (sqlite3.SQLITE_ATTACH, sqlite3.SQLITE_DETACH):
        return sqlite3.SQLITE_DENY
    if action == sqlite3.SQLITE_PRAGMA and (first or "").lower() not in _PRAGMAS:
        return sqlite3.SQLITE_DENY
    if action == sqlite3.SQLITE_FUNCTION and (second or "").lower() in _DENIED_FUNCTIONS:
        return sqlite3.SQLITE_DENY
    return sqlite3.SQLITE_OK


def _asked(
    connection: sqlite3.Connection, sql: str, values: list[Any], request: Request, patience: _Patience
) -> Answer:
    if request.write:
        patience.ask(lambda: connection.execute("BEGIN IMMEDIATE"))
    cursor = patience.ask(lambda: connection.execute(sql, values))
    names = [column[0] for column in cursor.description or ()]
    rows = Rows(names, request.max_rows, request.max_bytes)
    kinds: list[str | None] = [None] * len(names)
    for row in cursor:
        kinds = [kind or _KINDS.get(type(value)) for kind, value in zip(kinds, row, strict=True)]
        if not rows.add([_json(value) for value in row], sum(map(_size, row))) and not request.write:
            break
    if request.write:
        patience.ask(lambda: connection.execute("COMMIT"))
    columns = [{"name": name, "type": kind} for name, kind in zip(rows.names, kinds, strict=True)]
    count = max(cursor.rowcount, 0) if request.write else len(rows.found)
    return Answer(rows.found, columns, count, rows.truncated)


def _bound(values: Sequence[Any]) -> list[Any]:
    """Lists and objects become JSON, whose functions SQLite has."""
    try:
        return [
            to_json(value, max_bytes=_MAX_VALUE_BYTES).decode() if isinstance(value, dict | list) else value
            for value in values
        ]
    except InvalidValue as error:
        raise NodeError(INVALID_PARAMS, f"params: {error}") from None


def _json(value: Any) -> Any:
    if isinstance(value, bytes):
        return json_bytes(value)
    if isinstance(value, float):
        return json_float(value)
    return json_text(value) if isinstance(value, str) else value


def _size(value: Any) -> int:
    return len(value) if isinstance(value, str | bytes) else 8


def _refusal(error: Exception, request: Request) -> NodeError:
    said = excerpt(str(error), None)
    code = getattr(error, "sqlite_errorcode", 0) & 0xFF
    if code == sqlite3.SQLITE_INTERRUPT:
        return timed_out(request)
    if code in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED):
        return NodeError("DB_TIMEOUT", "Others held the file for too long: try again later.", retryable=True)
    if code == sqlite3.SQLITE_READONLY:
        return read_only(said, request)
    if code == sqlite3.SQLITE_TOOBIG and not request.write:
        return row_too_large(request.max_bytes)
    if code == sqlite3.SQLITE_AUTH:
        return NodeError("DB_ERROR", f"{said}: other files, settings and extensions cannot be reached.")
    if isinstance(error, MemoryError):
        most = f"{_MAX_HEAP_BYTES // 1_000_000} MB"
        text = (
            f"The SQLite statements of this worker need more than {most} of memory together: sort or group fewer rows."
        )
        # It may have been another one that had it.
        return NodeError("DB_ERROR", text, retryable=True)
    if isinstance(error, OverflowError):
        return NodeError(
            INVALID_PARAMS, "params: a whole number above 64 bits cannot be given to SQLite: send it as text."
        )
    if any(part in said for part in _SYNTAX):
        return NodeError("DB_SYNTAX", f"{said}.")
    name = getattr(error, "sqlite_errorname", "")
    return NodeError("DB_ERROR", f"{said} ({name})" if name else f"{said}.")
