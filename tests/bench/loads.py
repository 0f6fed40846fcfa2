"""The two loads of performance.md on the two systems, each a function that returns seconds."""

import os
import selectors
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from uuid import UUID

import orjson
import psycopg
from dramatiq.brokers.rabbitmq import RabbitmqBroker

from shared.engine.start import start_execution
from shared.publisher import Publisher
from tests.bench.raw_worker import make_actor
from tests.bench.servers import Urls
from tests.factories import chain

PROCESSES = 2
LIMIT_S = 60


@contextmanager
def processes(module: str, urls: Urls, *, pipe: bool) -> Iterator[list[subprocess.Popen[bytes]]]:
    """Worker processes of a module, ended at exit."""
    environment = {**os.environ, **urls.environment(), "FLOWVERSAL_LOG_LEVEL": "ERROR", "PYTHONPATH": os.getcwd()}
    started = [
        subprocess.Popen([sys.executable, "-m", module], env=environment, stdout=subprocess.PIPE if pipe else None)
        for _ in range(PROCESSES)
    ]
    try:
        yield started
    finally:
        for process in started:
            process.terminate()
        for process in started:
            process.wait(timeout=20)
            if process.stdout:
                process.stdout.close()


class Raw:
    """Plain Dramatiq."""

    def __init__(self, urls: Urls, workers: list[subprocess.Popen[bytes]]) -> None:
        self._actor = make_actor(RabbitmqBroker(url=urls.broker))
        self._workers = workers

    def run(self, chains: int, steps: int) -> float:
        """Seconds from the first message to the end of the last chain."""
        started = time.perf_counter()
        for number in range(chains):
            self._actor.send(number, steps)
        self._await_lines(chains)
        return time.perf_counter() - started

    def _await_lines(self, wanted: int) -> None:
        with selectors.DefaultSelector() as selector:
            for worker in self._workers:
                selector.register(worker.stdout, selectors.EVENT_READ)  # type: ignore[arg-type]
            seen, until = 0, time.monotonic() + LIMIT_S
            while seen < wanted:
                for key, _ in selector.select(timeout=until - time.monotonic()):
                    seen += os.read(key.fd, 65536).count(b"\n")
                if time.monotonic() > until:
                    raise TimeoutError(f"{seen} of {wanted} chains ended in {LIMIT_S} s")


class Ours:
    """Flowversal: the same chain as a workflow of no-op nodes, every guarantee on."""

    def __init__(self, urls: Urls, publisher: Publisher) -> None:
        self._connection: psycopg.Connection[Any] = psycopg.connect(urls.database, autocommit=True)
        self._publisher = publisher
        self._user = self._one(
            "INSERT INTO users (email, name, role) VALUES (%s, 'Bench', 'admin') RETURNING id",
            f"bench-{time.time_ns()}@example.com",
        )
        self._versions: dict[int, tuple[UUID, UUID]] = {}

    def _one(self, sql: str, *parameters: Any) -> Any:
        row = self._connection.execute(sql, parameters).fetchone()
        assert row is not None
        return row[0]

    def _version(self, steps: int) -> tuple[UUID, UUID]:
        if steps not in self._versions:
            text = orjson.dumps(chain(steps)).decode()
            workflow = self._one(
                "INSERT INTO workflows (owner_id, name, definition) VALUES (%s, 'Chain', %s) RETURNING id",
                self._user,
                text,
            )
            version = self._one(
                "INSERT INTO workflow_versions (workflow_id, number, definition, checksum, created_by)"
                " VALUES (%s, 1, %s, '', %s) RETURNING id",
                workflow,
                text,
                self._user,
            )
            self._versions[steps] = workflow, version
        return self._versions[steps]

    def run(self, chains: int, steps: int) -> float:
        """Seconds from the first start (each its own transaction) to the last commit of an ended execution."""
        workflow, version = self._version(steps)
        before = self._ended(workflow)
        started = time.perf_counter()
        for _ in range(chains):
            accepted = start_execution(
                self._connection,
                workflow_id=workflow,
                version_id=version,
                user_id=self._user,
                input={},
                trigger_type="api",
            )
            self._publisher.publish(accepted.ready)
        until = time.monotonic() + LIMIT_S
        while self._ended(workflow) - before < chains:
            if time.monotonic() > until:
                raise TimeoutError(f"{self._ended(workflow) - before} of {chains} executions ended in {LIMIT_S} s")
            time.sleep(0.01)
        return time.perf_counter() - started

    def _ended(self, workflow: UUID) -> int:
        count: int = self._one(
            "SELECT (SELECT count(*) FROM stats_delta WHERE workflow_id = %s)"
            " + (SELECT coalesce(sum(success + failed + canceled), 0) FROM stats_totals WHERE workflow_id = %s)",
            workflow,
            workflow,
        )
        return count

    def close(self) -> None:
        self._connection.close()
