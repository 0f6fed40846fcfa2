"""Executions that a loop cannot deal with for now, so that they do not hold up those behind them."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from uuid import UUID

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
        """Log what goes wrong with one and leave it alone for a minute.

        A server that is away is everybody's trouble; a deadlock or a time limit is nobody's: the next pass tries again.
        """
        try:
            yield
        except SERVER_ERRORS as error:
            if server_is_away(error):
                raise
            _log.warning("an execution cannot be advanced now", execution_id=str(id), error=str(error).strip())
        except Exception:  # noqa: BLE001 - whatever it is, only the guilty one may be held up
            _log.exception("an execution cannot be advanced; looking again in a minute", execution_id=str(id))
            self._until[id] = time.monotonic() + POSTPONE_S
