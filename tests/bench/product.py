"""The product's own processes, as the one-machine mode starts them: workers, clockwork, API and dashboard under gunicorn."""

import http.client
import signal
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import psycopg

from services.standalone import identity
from services.standalone.child import Child, wait_until
from services.standalone.folder import DataFolder
from services.standalone.kept import Program
from services.standalone.ports import LOOPBACK, listen
from services.standalone.programs import programs
from services.standalone.servers.base import log_tail
from services.standalone.servers.chosen import Servers
from shared.settings import Settings
from tests.bench.memory import Memory
from tests.bench.servers import Urls

READY_S = 60.0
WORKERS = "SELECT count(*) FROM workers WHERE kind = 'worker'"


class Product:
    """Running processes; `port` is the one public port, `memory` that of each by name (`web`, `worker-1`, …)."""

    def __init__(self, started: Mapping[str, Child], port: int) -> None:
        self._started = started
        self.port = port
        self.memory = Memory({name: child.pid for name, child in started.items()})

    def is_ready(self) -> bool:
        """Whether the API answers that everything is there. A process that has ended raises AssertionError."""
        for name, child in self._started.items():
            assert child.exit_code() is None, f"{name} ended with {child.exit_code()}"
        connection = http.client.HTTPConnection(LOOPBACK, self.port, timeout=READY_S)
        try:
            connection.request("GET", "/readyz")
            return connection.getresponse().status == 200
        finally:
            connection.close()


@contextmanager
def product(
    urls: Urls, *, workers: int | None = None, environment: Mapping[str, str] | None = None
) -> Iterator[Product]:
    """All of it, ready; ended at exit. `workers`: how many, else as the settings say; `environment`: more variables."""
    settings = Settings() if workers is None else Settings(FLOWVERSAL_WORKERS=workers)
    servers = Servers(None, None, None, urls.database, urls.redis, urls.broker)
    with tempfile.TemporaryDirectory(prefix="flowversal-bench-product-") as text, listen(LOOPBACK, 0) as listening:
        folder = DataFolder(Path(text))
        folder.claim()
        chosen = [
            replace(program, env=program.env | dict(environment or {}))
            for program in programs(settings, folder, servers, listening)
        ]
        started: dict[str, Child] = {}
        try:
            for program in chosen:
                started[program.name] = _start(program)
            found = Product(started, listening.getsockname()[1])
            assert wait_until(found.is_ready, READY_S)
            assert wait_until(
                lambda: _beating(urls) >= len([name for name in started if name.startswith("worker")]), READY_S
            )
            yield found
        except BaseException:
            for program in chosen:
                sys.stderr.write(f"--- {program.name}\n{log_tail(program.log)}\n")
            raise
        finally:
            _stop(chosen, started)


def _start(program: Program) -> Child:
    worker_id = program.worker_id()
    env = program.env | ({"FLOWVERSAL_WORKER_ID": worker_id} if worker_id else {})
    user = identity.current()
    return Child(program.argv, log=program.log, env=env, cwd=program.cwd, user=user, pass_fds=program.pass_fds)


def _stop(chosen: list[Program], started: Mapping[str, Child]) -> None:
    for child in started.values():
        child.send(signal.SIGTERM)
    for program in chosen:
        if program.name in started:
            started[program.name].stop(signal.SIGTERM, program.stop_s)


def _beating(urls: Urls) -> int:
    with psycopg.connect(urls.database) as connection:
        row = connection.execute(WORKERS).fetchone()
        return int(row[0]) if row else 0
