"""A few connections that the threads of a process share: at most so many are open, and whoever comes later waits."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import psycopg

from shared.db.pool import SERVER_ERRORS, connect


class FewConnections:
    """Autocommit connections, made when they are needed and kept; one that broke is replaced. For any thread."""

    def __init__(self, database_url: str, *, application_name: str, most: int = 4) -> None:
        self._database_url = database_url
        self._application_name = application_name
        self._free = threading.BoundedSemaphore(most)
        self._idle: list[psycopg.Connection[Any]] = []
        self._closed = False

    @contextmanager
    def borrow(self) -> Iterator[psycopg.Connection[Any]]:
        """A connection for a moment. Raises psycopg.OperationalError when the server does not answer."""
        with self._free:
            connection = self._take()
            try:
                yield connection
            except SERVER_ERRORS:
                connection.close()
                raise
            finally:
                if connection.closed or self._closed:
                    connection.close()
                else:
                    self._idle.append(connection)

    def close(self) -> None:
        """Close those that nobody uses; the others close when they are given back."""
        self._closed = True
        while self._idle:
            self._idle.pop().close()

    def _take(self) -> psycopg.Connection[Any]:
        try:
            return self._idle.pop()
        except IndexError:
            return connect(self._database_url, application_name=self._application_name, autocommit=True)
