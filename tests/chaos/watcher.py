"""Looks at the database all the time: a terminal state that was seen once stays, and statistics are right at any moment."""

import threading
from typing import Any
from uuid import UUID

import psycopg

from tests.chaos.books import CHANGED, COUNTS, Finding, differences
from tests.chaos.questions import WRONG_LIVE_COUNTERS
from tests.chaos.world import World

EVERY_S = 0.5
ENDED = "SELECT id, state FROM executions WHERE state IN ('success', 'failed', 'canceled')"
SNAPSHOT = "SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY"


class Watcher:
    """A thread with a connection of its own, not through the proxy; it goes on after every outage."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._stop = threading.Event()
        self.seen: dict[UUID, str] = {}
        """Every terminal state that was ever seen."""
        self.looks = 0
        self.findings: list[Finding] = []
        self._thread = threading.Thread(target=self._run, name="watcher", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Stop looking."""
        self._stop.set()
        self._thread.join()

    def compare(self, connection: psycopg.Connection[Any]) -> list[Finding]:
        """Terminal states that were seen and are others, or gone, now."""
        now = dict(connection.execute(ENDED).fetchall())
        return [
            Finding(CHANGED, id, f"was {state}, is {now.get(id)}")
            for id, state in self.seen.items()
            if now.get(id) != state
        ]

    def _run(self) -> None:
        while not self._stop.is_set():
            try:
                with self._world.connect(connect_timeout=2) as connection:
                    self._serve(connection)
            except psycopg.Error:
                self._stop.wait(EVERY_S)

    def _serve(self, connection: psycopg.Connection[Any]) -> None:
        while not self._stop.is_set():
            with connection.transaction():
                connection.execute(SNAPSHOT)
                self._look(connection)
            self.looks += 1
            self._stop.wait(EVERY_S)

    def _look(self, connection: psycopg.Connection[Any]) -> None:
        found = list(differences(connection))
        found += [Finding(COUNTS, *row) for row in connection.execute(WRONG_LIVE_COUNTERS)]
        now = dict(connection.execute(ENDED).fetchall())
        found += [
            Finding(CHANGED, id, f"was {state}, is {now.get(id)}")
            for id, state in self.seen.items()
            if now.get(id) != state
        ]
        self.seen |= now
        known = {(each.execution, each.text) for each in self.findings}
        self.findings += [each for each in found if (each.execution, each.text) not in known]
