"""Queries of MySQL and MariaDB: prepared in the database, read row by row. Blocking; for a thread."""

import socket
import ssl
import struct
from typing import Any

import pymysql

from shared.databases.mysql_link import Link, kill_query
from shared.databases.request import INVALID_PARAMS, Answer, Request, excerpt, lost, read_only, timed_out
from shared.databases.rows import Rows, row_too_large
from shared.databases.server import USUAL_BYTES, MySQLServer, RowTooLong
from shared.databases.stop import Stop
from shared.domain.errors import InvalidValue, NodeError
from shared.domain.values import to_json
from shared.net.certificates import tls_reason

_CONNECT_S = 10.0
_MAX_PARAMETER_BYTES = 16_000_000
# How quotes are read must not depend on the database's settings.
_SQL_MODE = "STRICT_TRANS_TABLES,ERROR_FOR_DIVISION_BY_ZERO,NO_ENGINE_SUBSTITUTION"
_READ_ONLY = frozenset({1290, 1792, 1836, 3098})
_LOGIN = frozenset({1044, 1045, 1049, 1698, 2059, 2061})
_TIMED_OUT = frozenset({1317, 1969, 3024})
_LOST = frozenset({2003, 2006, 2013, 2014, 1927, 1053})
_BUSY = frozenset({1040, 1205, 1213, 1203})
_SYNTAX = frozenset({1052, 1054, 1064, 1066, 1146, 1295, 1305, 1582, 1149})


def ask_mysql(server: MySQLServer, sock: socket.socket, request: Request, stop: Stop) -> Answer:
    """Log in over a connected socket, ask, commit, disconnect. Raises NodeError with a code of `CODES`."""
    statement, values = request.statement("mysql")
    settings = [f"@flowversal_{number} = {_literal(value)}" for number, value in enumerate(values, start=1)]
    settings.append(f"@flowversal = {_text(statement.text(['?'] * len(values)))}")
    address = str(sock.getpeername()[0])
    link: Link | None = None
    try:
        link = Link(server, sock, answer_s=min(_CONNECT_S, request.timeout_s))
        return _asked(link, settings, len(values), request)
    except RowTooLong:
        raise row_too_large(request.max_bytes) if link is not None else _no_mysql(server, "DB_CONNECT") from None
    except (pymysql.MySQLError, OSError) as error:
        raise _failure(error, server, request, connected=link is not None) from None
    except (struct.error, LookupError, ValueError, TypeError, AttributeError, AssertionError, RuntimeError):
        raise _no_mysql(server, "DB_CONNECT" if link is None else "DB_ERROR") from None
    finally:
        if link is not None:
            link.cut()
            if stop.is_set:
                kill_query(server, address, int(link.server_thread_id[0]))


def _no_mysql(server: MySQLServer, code: str) -> NodeError:
    text = f"What answers at {server.host}, port {server.port}, does not keep to the protocol of MySQL."
    return NodeError(code, text)


def _asked(link: Link, settings: list[str], count: int, request: Request) -> Answer:
    limit_s = max(0.001, request.timeout_s)
    # Each has its own name and unit for it.
    limit = (
        f"max_statement_time = {limit_s:.3f}" if _is_mariadb(link) else f"max_execution_time = {limit_s * 1_000:.0f}"
    )
    link.query(f"SET SESSION sql_mode = '{_SQL_MODE}', time_zone = '+00:00', {limit}")
    access = "READ WRITE" if request.write else "READ ONLY"
    # For what ends a transaction on its own, too.
    link.query(f"SET SESSION TRANSACTION {access}")
    link.query(f"SET {', '.join(settings)}")
    link.query(f"START TRANSACTION {access}")
    link.query("PREPARE flowversal FROM @flowversal")
    using = ", ".join(f"@flowversal_{number}" for number in range(1, count + 1))
    # The database's own limit comes first, the socket's only if it does not answer at all.
    link.answer_within(request.timeout_s + 1)
    answer = _collected(link, f"EXECUTE flowversal{f' USING {using}' if using else ''}", request)
    if request.write:
        link.max_row_bytes = USUAL_BYTES
        link.query("COMMIT")
    return answer


def _collected(link: Link, sql: str, request: Request) -> Answer:
    link.max_row_bytes = request.max_bytes
    rows: Rows | None = None
    columns: list[dict[str, Any]] = []
    seen = 0
    for row in link.rows(sql):
        columns = columns or link.columns()
        rows = rows or Rows([column["name"] for column in columns], request.max_rows, request.max_bytes)
        seen += 1
        # What changes something is read to its end, or it would not be done.
        if not rows.add(list(row), sum(map(_size, row))) and not request.write:
            break
    columns = columns or link.columns()
    rows = rows or Rows([column["name"] for column in columns], 0, 1)
    named = [column | {"name": name} for column, name in zip(columns, rows.names, strict=True)]
    count = link.affected_rows() if request.write and not columns else seen if request.write else len(rows.found)
    return Answer(rows.found, named, count, rows.truncated)


def _is_mariadb(link: Link) -> bool:
    return "mariadb" in str(link.server_version).lower()


def _size(value: Any) -> int:
    if isinstance(value, dict) and "base64" in value:
        return len(value["base64"])
    return len(value) if isinstance(value, str) else len(str(value))


def _literal(value: Any) -> str:
    """A JSON value as SQL that no setting and no character set can change the meaning of."""
    if value is None:
        return "NULL"
    if isinstance(value, bool):
        return "1" if value else "0"
    if isinstance(value, int | float):
        return str(value)
    if isinstance(value, str):
        return _text(value)
    try:
        return _text(to_json(value, max_bytes=_MAX_PARAMETER_BYTES).decode())
    except InvalidValue as error:
        raise NodeError(INVALID_PARAMS, f"params: {error}") from None


def _text(value: str) -> str:
    return f"CONVERT(X'{value.encode('utf-8', 'replace').hex()}' USING utf8mb4)"


def _failure(error: Exception, server: MySQLServer, request: Request, *, connected: bool) -> NodeError:
    cause = getattr(error, "original_exception", error)
    if isinstance(cause, ssl.SSLError):
        more = ' A private certificate goes into the credential\'s `caCertificate`; with `tls` "require" it is not checked.'
        return NodeError("DB_TLS", f"No secure connection to {server.host}: {tls_reason(cause)}.{more}")
    number = error.args[0] if error.args and isinstance(error.args[0], int) else 0
    said = excerpt(str(error.args[1]) if len(error.args) > 1 else type(error).__name__, server.password)
    if number == 2026:
        return NodeError("DB_TLS", f'{server.host} offers no TLS: set `tls` to "disable" if that is right.')
    if not connected:
        return _connect_failure(number, said, server)
    if number in _TIMED_OUT:
        return timed_out(request)
    if number in _LOST or isinstance(error, OSError):
        return lost(server.host, request)
    if number in _READ_ONLY:
        return read_only(said, request)
    state = getattr(error, "sqlstate", None)
    code = "DB_SYNTAX" if number in _SYNTAX else "DB_ERROR"
    return NodeError(code, f"{said} ({number}{f', SQLSTATE {state}' if state else ''})", retryable=number in _BUSY)


def _connect_failure(number: int, said: str, server: MySQLServer) -> NodeError:
    if number in _LOGIN:
        return NodeError("DB_LOGIN", f"{server.host} refused us: {said}")
    return NodeError("DB_CONNECT", f"No connection to {server.host}, port {server.port}: {said}", retryable=True)
