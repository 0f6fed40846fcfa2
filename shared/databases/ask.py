"""Queries of other people's databases from the event loop: connected by address, stopped at once by a cancel."""

import socket
from pathlib import Path

from shared.databases.postgres import ask_postgres
from shared.databases.request import Answer, Request, timed_out
from shared.databases.server import MySQLServer, PostgresServer
from shared.databases.sqlite import ask_sqlite
from shared.databases.stop import Stop, stoppable
from shared.domain.errors import NodeError
from shared.net.sockets import InThread, connected, cut

Target = PostgresServer | MySQLServer | Path
_CONNECT_S = 10.0


async def ask(target: Target, addresses: list[str], request: Request, run: InThread) -> Answer:
    """The answer of a server at one of these addresses, or of a SQLite file, which needs none.

    Raises NodeError with a code of `shared.databases.request.CODES`, or INVALID_PARAMS.
    """
    try:
        if isinstance(target, Path):
            file = target
            return await stoppable(lambda stop: ask_sqlite(file, request, stop), run, timeout_s=request.timeout_s)
        return await _ask_server(target, addresses, request, run)
    except TimeoutError:
        raise timed_out(request) from None


async def _ask_server(
    server: PostgresServer | MySQLServer, addresses: list[str], request: Request, run: InThread
) -> Answer:
    # Before anything is sent: a query that is refused needs no connection.
    request.statement("mysql" if isinstance(server, MySQLServer) else "postgres")
    sock = await _connection(server, addresses, request)
    handle, started = sock.dup(), False

    def work(stop: Stop) -> Answer:
        nonlocal started
        started = True
        stop.use(lambda: cut(handle))
        with sock:
            try:
                if isinstance(server, MySQLServer):
                    from shared.databases.mysql import ask_mysql  # noqa: PLC0415 - 9 MB, for those who need it

                    return ask_mysql(server, sock, request, stop)
                return ask_postgres(server, sock, request, stop)
            finally:
                stop.forget()

    try:
        return await stoppable(work, run, timeout_s=request.timeout_s)
    finally:
        handle.close()
        if not started:
            sock.close()


async def _connection(server: PostgresServer | MySQLServer, addresses: list[str], request: Request) -> socket.socket:
    try:
        return await connected(addresses, server.port, min(_CONNECT_S, request.timeout_s))
    except OSError as error:
        why = "refused the connection" if isinstance(error, ConnectionRefusedError) else "cannot be reached"
        text = f"{server.host}, port {server.port}, {why}: is it the right port, and does a database listen there?"
        raise NodeError("DB_CONNECT", text, retryable=True) from None
