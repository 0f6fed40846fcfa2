"""Queries of Postgres: one statement in a transaction of its own, read-only unless it is to write."""

import socket
import time
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from psycopg import pq

from shared.databases.postgres_link import PostgresLink, QueryError
from shared.databases.postgres_values import Read, parameter, reader
from shared.databases.request import INVALID_PARAMS, Answer, Request, excerpt, lost, read_only, timed_out
from shared.databases.rows import Rows, row_too_large
from shared.databases.server import USUAL_BYTES, PostgresServer, RowTooLong
from shared.databases.stop import Stop
from shared.domain.errors import NodeError

_CONNECT_S = 10.0
_SETTINGS = (
    "SET LOCAL statement_timeout = {timeout_ms}; SET LOCAL idle_in_transaction_session_timeout = {timeout_ms}; "
    "SET LOCAL timezone = 'UTC'; SET LOCAL datestyle = 'ISO, YMD'; SET LOCAL intervalstyle = 'iso_8601'; "
    "SET LOCAL bytea_output = 'hex'; SET LOCAL standard_conforming_strings = on"
)
_BUSY_STATES = ("40001", "40P01", "55P03", "53", "57P")


def ask_postgres(server: PostgresServer, sock: socket.socket, request: Request, stop: Stop) -> Answer:
    """Log in over a connected socket, ask, commit, disconnect. Blocking. Raises NodeError with a code of `CODES`."""
    statement, given = request.statement("postgres")
    try:
        values = [parameter(value) for value in given]
    except ValueError as error:
        raise NodeError(INVALID_PARAMS, f"params: {error}") from None
    sql = statement.text([f"${number}" for number in range(1, len(values) + 1)])
    link: PostgresLink | None = None
    try:
        link = PostgresLink(server, sock, stop, connect_s=min(_CONNECT_S, request.timeout_s))
        # The database's own limit comes first, this one only if it does not answer at all.
        link.answer_until(time.monotonic() + request.timeout_s + 1)
        return _asked(link, sql, values, request)
    except QueryError as error:
        raise _refusal(error, server, request) from None
    except RowTooLong:
        raise row_too_large(request.max_bytes) from None
    except OSError:
        raise lost(server.host, request) from None
    finally:
        if link is not None:
            link.close()


def _asked(link: PostgresLink, sql: str, values: list[bytes | None], request: Request) -> Answer:
    settings = _SETTINGS.format(timeout_ms=max(1, round(request.timeout_s * 1_000)))
    if link.pgconn.server_version >= 140_000:
        # Should even the order to stop get lost, Postgres notices that nobody is there any more.
        settings += "; SET LOCAL client_connection_check_interval = 1000"
    link.execute(f"BEGIN {'READ WRITE' if request.write else 'READ ONLY'}; {settings}")
    link.max_row_bytes = request.max_bytes
    answer = _collected(link.stream(sql, values), request)
    if request.write:
        link.max_row_bytes = USUAL_BYTES
        link.execute("COMMIT")
    return answer


def _collected(results: Iterator[pq.abc.PGresult], request: Request) -> Answer:
    rows, readers, columns, changed = Rows([], request.max_rows, request.max_bytes), list[Read](), list[Any](), None
    for result in results:
        if not columns and result.nfields:
            columns, readers = _columns(result)
            rows = Rows([column["name"] for column in columns], request.max_rows, request.max_bytes)
        if result.status == pq.ExecStatus.SINGLE_TUPLE:
            # What changes something is read to its end, or it would not be done.
            if not _add(rows, readers, result) and not request.write:
                break
        elif result.command_tuples is not None:
            changed = result.command_tuples
    columns = [column | {"name": name} for column, name in zip(columns, rows.names, strict=True)]
    count = changed if request.write and changed is not None else len(rows.found)
    return Answer(rows.found, columns, count, rows.truncated)


def _columns(result: pq.abc.PGresult) -> tuple[list[dict[str, Any]], list[Read]]:
    kinds = [reader(result.ftype(place)) for place in range(result.nfields)]
    names = [(result.fname(place) or b"").decode() for place in range(result.nfields)]
    return [{"name": name, "type": kind} for name, (kind, _) in zip(names, kinds, strict=True)], [
        read for _, read in kinds
    ]


def _add(rows: Rows, readers: Sequence[Callable[[str], Any]], result: pq.abc.PGresult) -> bool:
    raw = [result.get_value(0, place) for place in range(len(readers))]
    size = sum(len(value) for value in raw if value is not None)
    if rows.truncated:
        return False
    values = [
        None if value is None else read(value.decode("utf-8", "replace"))
        for value, read in zip(raw, readers, strict=True)
    ]
    return rows.add(values, size)


def _refusal(error: QueryError, server: PostgresServer, request: Request) -> NodeError:
    state = error.state
    said = excerpt(f"{error.message}. {error.hint}" if error.hint else error.message, server.password)
    if state == "57014":
        return timed_out(request)
    if state == "25006":
        return read_only(said, request)
    if state.startswith("42") and state != "42501":
        return NodeError("DB_SYNTAX", f"{said} (SQLSTATE {state})")
    return NodeError("DB_ERROR", f"{said} (SQLSTATE {state})", retryable=state.startswith(_BUSY_STATES))
