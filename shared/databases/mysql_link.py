"""A connection to MySQL or MariaDB that another thread can cut, and that never takes more than is wanted."""

import contextlib
import socket
from collections.abc import Iterator
from typing import Any

import pymysql
import pymysql.connections
from pymysql.constants import CLIENT, FIELD_TYPE

from shared.databases.rows import json_bytes, json_float, json_iso, json_text
from shared.databases.server import SLACK_BYTES, USUAL_BYTES, MySQLServer, RowTooLong
from shared.domain.errors import InvalidValue
from shared.domain.values import from_json
from shared.net.certificates import tls_context

_KILL_S = 2.0


# Its stubs leave out what a subclass needs.
_Connection: Any = pymysql.connections.Connection


class Link(_Connection):  # type: ignore[misc]
    """An open connection. No local file is ever sent, no option file read, no password sent in clear without TLS."""

    max_row_bytes: int = USUAL_BYTES
    _arrived = 0
    _adding_up = False

    def __init__(self, server: MySQLServer, sock: socket.socket, *, answer_s: float) -> None:
        """Log in over a connected socket. Raises pymysql's errors; ValueError and others if it is no MySQL."""
        secure = server.tls != "disable"
        super().__init__(
            host=server.host,
            port=server.port,
            user=server.username,
            # As text it would be taken for Latin-1.
            password=server.password.encode(),
            database=server.database,
            charset="utf8mb4",
            client_flag=CLIENT.FOUND_ROWS,
            conv=dict(_READERS),
            autocommit=None,
            local_infile=False,
            read_timeout=answer_s,
            write_timeout=answer_s,
            ssl=tls_context(server.ca_certificate, verify=server.tls == "verify-full") if secure else None,
            ssl_disabled=not secure,
            auth_plugin_map={} if secure else {b"mysql_clear_password": _Refused, b"dialog": _Refused},
            defer_connect=True,
        )
        self.connect(sock)

    def rows(self, sql: str) -> Iterator[tuple[Any, ...]]:
        """The rows of the first result of one statement, as they come. `columns` and `affected_rows` are known then."""
        # Descriptions of columns without end count as one.
        self._arrived, self._adding_up = 0, True
        self.query(sql, unbuffered=True)
        self._adding_up = False
        while (row := self._result._read_rowdata_packet_unbuffered()) is not None:  # noqa: SLF001 - what its cursors do
            yield row
        while self._result.has_next:
            self.next_result(unbuffered=True)
            while self._result._read_rowdata_packet_unbuffered() is not None:  # noqa: SLF001
                pass

    def columns(self) -> list[dict[str, Any]]:
        """Name and type of each column of the result; empty without one."""
        described = getattr(self._result, "description", None) or ()
        return [{"name": column[0], "type": _NAMES.get(column[1], "unknown")} for column in described]

    def answer_within(self, seconds: float) -> None:
        """The most time for each answer from now on."""
        self._read_timeout = seconds

    def cut(self) -> None:
        """Close without a word, whatever the database is about to send."""
        if self._result is not None:
            # Else its end would read all that is left.
            self._result.unbuffered_active = False
        self._force_close()

    def _read_packet(self, *given: Any) -> Any:
        if not self._adding_up:
            self._arrived = 0
        return super()._read_packet(*given)

    def _read_bytes(self, num_bytes: int) -> bytes:
        self._arrived += num_bytes
        if self._arrived > self.max_row_bytes + SLACK_BYTES:
            raise RowTooLong
        return bytes(super()._read_bytes(num_bytes))


class _Refused:
    """A way to log in that would give the password to whoever listens."""

    def __init__(self, _: Any) -> None:
        pass

    def authenticate(self, _: Any) -> None:
        raise pymysql.err.OperationalError(2059, "it wants the password in clear, which needs TLS")


def kill_query(server: MySQLServer, address: str, thread_id: int) -> None:
    """Ask the database to stop what another connection does; at most a few seconds."""
    with contextlib.suppress(Exception):
        sock = socket.create_connection((address, server.port), _KILL_S)
        link = Link(server, sock, answer_s=_KILL_S)
        try:
            link.query(f"KILL QUERY {thread_id:d}")
        finally:
            link.cut()


def _read_json(text: str) -> Any:
    try:
        return text if "\\u0000" in text else from_json(text)
    except InvalidValue:
        return json_text(text)


def _read_text(value: str | bytes) -> Any:
    return json_bytes(value) if isinstance(value, bytes) else json_text(value)


_WHOLE = ("TINY", "SHORT", "INT24", "LONG", "LONGLONG", "YEAR")
_TEXTS = ("VARCHAR", "VAR_STRING", "STRING", "BLOB", "TINY_BLOB", "MEDIUM_BLOB", "LONG_BLOB", "ENUM", "SET")
_READERS: dict[int, Any] = {
    **{getattr(FIELD_TYPE, name): int for name in _WHOLE},
    **{getattr(FIELD_TYPE, name): _read_text for name in _TEXTS},
    **{getattr(FIELD_TYPE, name): lambda text: json_float(float(text)) for name in ("FLOAT", "DOUBLE")},
    **{getattr(FIELD_TYPE, name): json_iso for name in ("DATETIME", "TIMESTAMP")},
    FIELD_TYPE.BIT: lambda content: int.from_bytes(content, "big"),
    FIELD_TYPE.GEOMETRY: _read_text,
    FIELD_TYPE.JSON: _read_json,
}
_NAMES = {
    FIELD_TYPE.TINY: "tinyint",
    FIELD_TYPE.SHORT: "smallint",
    FIELD_TYPE.INT24: "mediumint",
    FIELD_TYPE.LONG: "int",
    FIELD_TYPE.LONGLONG: "bigint",
    FIELD_TYPE.YEAR: "year",
    FIELD_TYPE.FLOAT: "float",
    FIELD_TYPE.DOUBLE: "double",
    FIELD_TYPE.DECIMAL: "decimal",
    FIELD_TYPE.NEWDECIMAL: "decimal",
    FIELD_TYPE.BIT: "bit",
    FIELD_TYPE.DATE: "date",
    FIELD_TYPE.TIME: "time",
    FIELD_TYPE.DATETIME: "datetime",
    FIELD_TYPE.TIMESTAMP: "timestamp",
    FIELD_TYPE.JSON: "json",
    FIELD_TYPE.GEOMETRY: "geometry",
    FIELD_TYPE.NULL: "null",
    **dict.fromkeys((FIELD_TYPE.VARCHAR, FIELD_TYPE.VAR_STRING), "varchar"),
    **dict.fromkeys((FIELD_TYPE.STRING, FIELD_TYPE.ENUM, FIELD_TYPE.SET), "char"),
    **dict.fromkeys((FIELD_TYPE.BLOB, FIELD_TYPE.TINY_BLOB, FIELD_TYPE.MEDIUM_BLOB, FIELD_TYPE.LONG_BLOB), "text"),
}
