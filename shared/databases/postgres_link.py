"""A connection to Postgres that another thread can stop at any moment, over libpq. Blocking; for a thread.

It goes over a socket to an address that was checked before; no environment variable and no password file is read.
"""

import contextlib
import select
import socket
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

from psycopg import pq
from psycopg.conninfo import make_conninfo

from shared.databases.pump import LOOPBACK, Door, Pump
from shared.databases.request import excerpt
from shared.databases.server import SLACK_BYTES, USUAL_BYTES, PostgresServer, RowTooLong
from shared.databases.stop import Stop
from shared.domain.errors import NodeError
from shared.net.certificates import system_bundle

_CANCEL_S = 2.0
_POLLING = pq.PollingStatus


class PostgresLink:
    """An open connection."""

    def __init__(self, server: PostgresServer, sock: socket.socket, stop: Stop, *, connect_s: float) -> None:
        """Log in over a connected socket. Raises NodeError DB_CONNECT, DB_TLS, DB_LOGIN; OSError if it is stopped."""
        self._server, self._stop = server, stop
        self._address = sock.getpeername()
        self.max_row_bytes = USUAL_BYTES
        self._cancel: pq.abc.PGcancelConn | None = None
        self._pump: Pump | None = None
        self._door = Door()
        self._until = time.monotonic() + connect_s
        try:
            self.pgconn = self._connected(sock)
            self._cancel = self.pgconn.cancel_conn()
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        """Close the connection. A query that still runs is stopped in the database, too."""
        found: pq.abc.PGconn | None = getattr(self, "pgconn", None)
        if found is not None:
            if self._cancel is not None and found.transaction_status == pq.TransactionStatus.ACTIVE:
                with contextlib.suppress(Exception):
                    self._stop_query(self._cancel)
            found.finish()
        if self._cancel is not None:
            self._cancel.finish()
        if self._pump is not None:
            self._pump.close()
        self._door.close()

    def answer_until(self, until: float) -> None:
        """The last moment for answers."""
        self._until = until

    def execute(self, sql: str) -> None:
        """Run statements that return nothing of interest. Raises OSError; `QueryError` for a refusal."""
        self.pgconn.send_query(sql.encode())
        for _ in self._results():
            pass

    def stream(self, sql: str, values: Sequence[bytes | None]) -> Iterator[pq.abc.PGresult]:
        """The results of one statement, rows one by one. Raises as `execute`; RowTooLong."""
        self.pgconn.send_query_params(sql.encode(), values)
        self.pgconn.set_single_row_mode()
        return self._results()

    def _results(self) -> Iterator[pq.abc.PGresult]:
        while self.pgconn.flush() == 1:
            if self._wait(select.POLLIN | select.POLLOUT) & select.POLLIN:
                self._consume()
        while (result := self._result()) is not None:
            if result.status in (pq.ExecStatus.FATAL_ERROR, pq.ExecStatus.BAD_RESPONSE):
                error = QueryError(result)
                # Without a state it is not the database that speaks.
                raise error if error.state else OSError("the connection broke")
            if result.status in (pq.ExecStatus.COPY_IN, pq.ExecStatus.COPY_OUT, pq.ExecStatus.COPY_BOTH):
                raise OSError("COPY")
            yield result

    def _result(self) -> pq.abc.PGresult | None:
        before = self._pump.arrived if self._pump else 0
        while self.pgconn.is_busy():
            if self._wait(select.POLLIN):
                self._consume()
            arrived = self._pump.arrived - before if self._pump else 0
            if arrived > self.max_row_bytes + SLACK_BYTES:
                raise RowTooLong
        return self.pgconn.get_result()

    def _consume(self) -> None:
        try:
            self.pgconn.consume_input()
        except Exception as error:
            raise OSError("the connection broke") from error

    def _wait(self, events: int) -> int:
        """Wait for libpq's socket, or carry something. Raises OSError: stopped, or too late (TimeoutError)."""
        if self._stop.is_set or self._pump is None:
            raise OSError("stopped")
        return self._pump.wait(self.pgconn.socket, events, self._until)

    def _connected(self, sock: socket.socket) -> pq.abc.PGconn:
        with _certificates(self._server) as roots:
            self.pgconn = pgconn = _start(_conninfo(self._server, self._door.port, roots))
            self._pump = Pump(self._door.admit(pgconn.socket), sock)
            status: int = _POLLING.WRITING
            while status != _POLLING.OK:
                if pgconn.status == pq.ConnStatus.BAD or status == _POLLING.FAILED:
                    raise _connect_failure(self._server, pgconn)
                try:
                    ready = self._wait(select.POLLIN if status == _POLLING.READING else select.POLLOUT)
                    if self._pump.arrived > self.max_row_bytes:
                        raise NodeError("DB_CONNECT", f"{self._server.host} says more than a PostgreSQL server would.")
                except TimeoutError:
                    text = f"{self._server.host}, port {self._server.port}, did not let us in in time."
                    raise NodeError("DB_CONNECT", text, retryable=True) from None
                status = pgconn.connect_poll() if ready else status
        pgconn.nonblocking = 1
        return pgconn

    def _stop_query(self, cancel: pq.abc.PGcancelConn) -> None:
        """Ask the database to stop, over a connection of its own to the same address; at most a few seconds."""
        until = time.monotonic() + _CANCEL_S
        outer = socket.create_connection(self._address[:2], _CANCEL_S)
        cancel.start()
        pump = Pump(self._door.admit(cancel.socket), outer)
        try:
            while (status := cancel.poll()) in (_POLLING.READING, _POLLING.WRITING):
                events = select.POLLIN if status == _POLLING.READING else select.POLLOUT
                while not pump.wait(cancel.socket, events, until):
                    pass
        finally:
            pump.close()


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


def _conninfo(server: PostgresServer, port: int, roots: str) -> str:
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
        "hostaddr": LOOPBACK,
        "port": str(port),
        "dbname": server.database,
        "user": server.username,
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
