"""What models used, by day: folds the rows of single calls."""

from typing import Any, ClassVar

import psycopg

from services.worker.loops.base import Loop
from shared.db.budgets import FOLD_LIMIT, fold


class AiDays(Loop):
    """Budgets add what is not folded yet, so being late costs them a little time and never the truth."""

    interval_s: ClassVar[float] = 5.0

    def run(self, connection: psycopg.Connection[Any]) -> float:
        """One fold; the next one follows at once while there is a full batch."""
        return 0.0 if fold(connection) == FOLD_LIMIT else self.interval_s
