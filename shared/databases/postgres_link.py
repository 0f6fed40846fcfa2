"""A connection to Postgres that another thread can stop at any moment, over libpq. Blocking; for a thread.

libpq connects to an address that was checked before; it reads no environment variable, service or password file.
"""

import array
import contextlib
import fcntl
import os
import select
import socket
import tempfile
import termios
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from psycopg import pq
from psycopg.conninfo import make_conninfo

from shared.databases.request import excerpt
from shared.databases.stop import Stop
from shared.domain.errors import NodeError
from shared.net.certificates import system_bundle

_CANCEL_S = 2.0
_LOOK_S = 1.0
_POLLING = pq.PollingStatus
# libpq reads as long as something is there: with a small buffer below it, it comes back to us in between.
_RECEIVED_BYTES = 128_000
_SLACK_BYTES = 1_000_000


@dataclass(frozen=True, slots=True)
class PostgresServer:
    """A database, and as whom to use it."""

    host: str
    port: int
    database: str
    user: str
    password: str = field(repr=False)
    tls: Literal["disable", "require", "verify-full"] = "verify-full"
    ca_certificate: str | None = None


class Stopped(Exception):
    """Nobody waits for the answer any more."""


class PostgresLink:
    """An open connection."""

    def __init__(self, server: PostgresServer, address: str, stop: Stop, *, connect_s: float) -> None:
        """Connect to an address of the server. Raises NodeError DB_CONNECT, DB_TLS, DB_LOGIN; Stopped."""
        self._stop = stop
        self._wake, self._alarm = socket.socketpair()
        self._alarm.setblocking(False)
        stop.use(self._ring)
        self._cancel: pq.abc.PGcancelConn | None = None
        self.max_row_bytes: int | None = None
        self._server = server
        try:
            self.pgconn = self._connected(address, time.monotonic() + connect_s)
            self._cancel = self.pgconn.cancel_conn()
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        """Close the connection. A query that still runs is stopped in the database, too."""
        self._stop.forget()
        found: pq.abc.PGconn | None = getattr(self, "pgconn", None)
        if found is not None:
            if self._cancel is not None and found.transaction_status == pq.TransactionStatus.ACTIVE:
                with contextlib.suppress(Exception):
                    self._stop_query(self._cancel)
            found.finish()
        if self._cancel is not None:
            self._cancel.finish()
        self._wake.close()
        self._alarm.close()

    def _ring(self) -> None:
        self._alarm.send(b"!")

    def execute(self, sql: str) -> None:
        """Run statements that return nothing of interest. Raises OSError, Stopped; `QueryError` for a refusal."""
        self.pgconn.send_query(sql.encode())
        for _ in self._results():
            pass

    def stream(self, sql: str, values: Sequence[bytes | None]) -> Iterator[pq.abc.PGresult]:
        """The results of one statement, rows one by one. Raises as `execute`; RowTooLong."""
        self.pgconn.send_query_params(sql.encode(), values)
        self.pgconn.set_single_row_mode()
        return self._results()

    def _results(self) -> Iterator[pq.abc.PGresult]:
        while self._flush() and (result := self._result()) is not None:
            if result.status in (pq.ExecStatus.FATAL_ERROR, pq.ExecStatus.BAD_RESPONSE):
                error = QueryError(result)
                # Without a state it is not the database that speaks.
                raise error if error.state else OSError("the connection broke")
            if result.status in (pq.ExecStatus.COPY_IN, pq.ExecStatus.COPY_OUT, pq.ExecStatus.COPY_BOTH):
                raise OSError("COPY")
            yield result

    def _flush(self) -> bool:
        while self.pgconn.flush() == 1:
            ready = self._wait(select.POLLIN | select.POLLOUT)
            if ready & select.POLLIN:
                self._consume()
        return True

    def _result(self) -> pq.abc.PGresult | None:
        arrived = 0
        while self.pgconn.is_busy():
            self._wait(select.POLLIN)
            arrived += self._consume()
            if self.max_row_bytes is not None and arrived > self.max_row_bytes + _SLACK_BYTES:
                raise RowTooLong
        return self.pgconn.get_result()

    def _consume(self) -> int:
        """Take what has arrived; about how many bytes."""
        count = array.array("i", [0])
        fcntl.ioctl(self.pgconn.socket, termios.FIONREAD, count)
        try:
            self.pgconn.consume_input()
        except Exception as error:
            raise OSError("the connection broke") from error
        return count[0]

    def _wait(self, events: int, until: float | None = None) -> int:
        """Wait for the socket. Raises Stopped; TimeoutError at `until`."""
        poll = select.poll()
        poll.register(self.pgconn.socket, events)
        poll.register(self._wake, select.POLLIN)
        while not self._stop.is_set:
            left_s = _LOOK_S if until is None else min(_LOOK_S, until - time.monotonic())
            if left_s <= 0:
                raise TimeoutError
            for fd, ready in poll.poll(left_s * 1_000):
                if fd == self.pgconn.socket:
                    return ready
        raise Stopped

    def _connected(self, address: str, until: float) -> pq.abc.PGconn:
        with _certificates(self._server) as roots:
            self.pgconn = pgconn = _start(_conninfo(self._server, address, roots))
            status: int = _POLLING.WRITING
            while status != _POLLING.OK:
                if pgconn.status == pq.ConnStatus.BAD or status == _POLLING.FAILED:
                    raise _connect_failure(self._server, pgconn)
                try:
                    self._wait(select.POLLIN if status == _POLLING.READING else select.POLLOUT, until)
                except TimeoutError:
                    text = f"{self._server.host}, port {self._server.port}, did not let us in in time."
                    raise NodeError("DB_CONNECT", text, retryable=True) from None
                status = pgconn.connect_poll()
        pgconn.nonblocking = 1
        with socket.socket(fileno=os.dup(pgconn.socket)) as handle:
            handle.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _RECEIVED_BYTES)
        return pgconn

    def _stop_query(self, cancel: pq.abc.PGcancelConn) -> None:
        """Ask the database to stop, over a connection of its own to the same address; at most two seconds."""
        until = time.monotonic() + _CANCEL_S
        cancel.start()
        while (status := cancel.poll()) in (_POLLING.READING, _POLLING.WRITING):
            left_s = until - time.monotonic()
            reading = [cancel.socket] if status == _POLLING.READING else []
            writing = [] if reading else [cancel.socket]
            if left_s <= 0 or not any(select.select(reading, writing, [], left_s)):
                return


def _start(conninfo: str) -> pq.abc.PGconn:
    return pq.PGconn.connect_start(conninfo.encode())


class QueryError(Exception):
    """A refusal, with what Postgres says about it."""

    def __init__(self, result: pq.abc.PGresult) -> None:
        def part(of: pq.DiagnosticField) -> str:
            return (result.error_field(of) or b"").decode("utf-8", "replace")

        self.state = part(pq.DiagnosticField.SQLSTATE)
        self.message = part(pq.DiagnosticField.MESSAGE_PRIMARY)
        self.hint = part(pq.DiagnosticField.MESSAGE_HINT)
        super().__init__(self.state)


class RowTooLong(Exception):
    """More of one row has arrived than is wanted."""


@contextlib.contextmanager
def _certificates(server: PostgresServer) -> Iterator[str]:
    """The file of trusted certificates; libpq takes them from nowhere else."""
    if server.tls != "verify-full":
        yield ""
    elif server.ca_certificate is None:
        yield system_bundle() or "system"
    else:
        with tempfile.NamedTemporaryFile("w", suffix=".pem") as file:
            file.write(server.ca_certificate)
            file.flush()
            yield str(Path(file.name))


def _conninfo(server: PostgresServer, address: str, roots: str) -> str:
    # Said, even if empty, whatever an environment variable could say otherwise.
    silent = {
        option.keyword.decode(): (option.compiled or b"").decode()
        for option in pq.Conninfo.get_defaults()
        if option.envvar and option.keyword != b"service"
    }
    # A password in clear goes over an encrypted connection only.
    logins = "scram-sha-256,md5,none" if server.tls == "disable" else "scram-sha-256,md5,password,none"
    ours = {
        "host": server.host,
        "hostaddr": address,
        "port": str(server.port),
        "dbname": server.database,
        "user": server.user,
        "password": server.password,
        "passfile": "/dev/null",
        "sslmode": server.tls,
        "sslrootcert": roots,
        "sslcertmode": "disable",
        "gssencmode": "disable",
        "require_auth": logins,
        "client_encoding": "UTF8",
        "application_name": "Flowversal",
        "keepalives_idle": "30",
        "connect_timeout": "0",
        "min_protocol_version": "3.0",
        "max_protocol_version": "3.0",
    }
    return make_conninfo("", **(silent | ours))


def _connect_failure(server: PostgresServer, pgconn: pq.abc.PGconn) -> NodeError:
    text = pgconn.get_error_message()
    said = excerpt(text.rpartition("failed: ")[2], server.password)
    if "SSL" in text or "certificate" in text:
        more = ' A private certificate goes into the credential\'s `caCertificate`; with `tls` "require" it is not checked.'
        return NodeError("DB_TLS", f"No secure connection to {server.host}: {said}.{more}")
    if any(word in text for word in ("FATAL", "authentication", "no password supplied")):
        # Starting, stopping, or out of connections.
        busy = any(word in text for word in ("starting up", "shutting down", "too many", "remaining connection slots"))
        return NodeError("DB_CONNECT" if busy else "DB_LOGIN", f"{server.host} refused us: {said}", retryable=busy)
    return NodeError("DB_CONNECT", f"No connection to {server.host}, port {server.port}: {said}", retryable=True)
