"""Executions that a loop cannot deal with for now, so that they do not hold up those behind them."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from uuid import UUID

import psycopg

from shared.db.pool import SERVER_ERRORS, server_is_away
from shared.log import get_logger

POSTPONE_S = 60.0
_log = get_logger(__name__)


class Postponed:
    """Remembers which failed within the last minute. Not shared between threads: each loop has its own."""

    def __init__(self) -> None:
        self._until: dict[UUID, float] = {}

    def ids(self) -> list[UUID]:
        """Those to leave alone now."""
        now = time.monotonic()
        self._until = {id: until for id, until in self._until.items() if until > now}
        return list(self._until)

    @contextmanager
    def isolated(self, id: UUID) -> Iterator[None]:
        """Log what goes wrong with one and leave it alone for a minute; a server that is away is everybody's trouble."""
        try:
            yield
        except Exception as error:
            if isinstance(error, SERVER_ERRORS) and isinstance(error, psycopg.Error) and server_is_away(error):
                raise
            _log.exception("an execution cannot be advanced; looking again in a minute", execution_id=str(id))
            self._until[id] = time.monotonic() + POSTPONE_S
