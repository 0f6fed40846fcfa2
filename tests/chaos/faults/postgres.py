"""Postgres is restarted, crashes, and hangs up."""

import contextlib
import os
import signal

import psycopg

from tests.chaos.faults.base import READY_S, Fault, await_true

TERMINATE = "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE application_name LIKE 'flowversal%'"
BACKENDS = "SELECT pid FROM pg_stat_activity WHERE application_name LIKE 'flowversal%'"


class PostgresRestarted(Fault):
    """Fast shutdown and start."""

    name = "Postgres: restarted"

    def inject(self) -> None:
        self.world.postgres.stop()
        self.for_a_while(0, 2)
        self.world.postgres.start()
        self.world.postgres.wait_ready(READY_S)


class PostgresKilled(Fault):
    """SIGKILL to all its processes: what was not on its way to the disk is lost, and recovery runs."""

    name = "Postgres: SIGKILL"

    def inject(self) -> None:
        self.world.postgres.kill()
        self.for_a_while(0, 1)
        self.world.postgres.start()
        self.world.postgres.wait_ready(READY_S)


class BackendKilled(Fault):
    """SIGKILL to one of our backends: Postgres throws everybody out and recovers by itself."""

    name = "Postgres: a backend crashes"

    def inject(self) -> None:
        with self.world.connect() as connection:
            backends = [row[0] for row in connection.execute(BACKENDS)]
        with contextlib.suppress(ProcessLookupError):
            os.kill(self.random.choice(backends), signal.SIGKILL)
        await_true(self._answers, READY_S)

    def _answers(self) -> bool:
        try:
            with self.world.connect(connect_timeout=2) as connection:
                connection.execute("SELECT 1")
        except psycopg.OperationalError:
            return False
        return True


class BackendsTerminated(Fault):
    """An operator ends all connections of workers and clockworks, three times."""

    name = "Postgres: connections ended"

    def inject(self) -> None:
        with self.world.connect() as connection:
            for _ in range(3):
                connection.execute(TERMINATE)
                self.for_a_while(0.1, 0.6)
