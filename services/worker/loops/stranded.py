"""Executions that nothing would ever end: ends them, and says so loudly, for each is the trace of a bug."""

from typing import Any, ClassVar

import psycopg

from services.worker.loops.base import Loop
from shared.domain.errors import IllegalTransition
from shared.engine.complete import Applied
from shared.engine.settle import settle_stranded, stranded
from shared.log import get_logger

_log = get_logger(__name__)


class Stranded(Loop):
    """Reads every live execution, so it looks once a minute."""

    interval_s: ClassVar[float] = 60.0

    def run(self, connection: psycopg.Connection[Any]) -> float:
        """One look."""
        for execution_id in stranded(connection, horizon=self.horizon.get(connection)):
            try:
                state = settle_stranded(connection, execution_id)
            except IllegalTransition:
                _log.exception("a stranded execution cannot be ended", execution_id=str(execution_id))
                continue
            if state is not None:
                _log.error("ended a stranded execution", execution_id=str(execution_id), state=state.value)
                self.tools.announce(Applied([], {execution_id}, 1, {execution_id: state}), "settled")
        return self.interval_s
