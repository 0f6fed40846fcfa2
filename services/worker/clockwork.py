"""Clockwork: the loops that look after time, lost things and sums. `python -m services.worker.clockwork`.

Any number of processes may run. One of them leads and works; the others work only while no leader has been heard of
for a few seconds. That is thrift, not safety: every loop may run anywhere, any number of times.
"""

import importlib
import inspect
import os
import pkgutil
import sys
import threading
import time
from collections.abc import Sequence

import psycopg

from services.worker import loops
from services.worker.leadership import Leadership
from services.worker.loops.base import Loop, Tools
from services.worker.stopping import Stop
from shared import log, metrics
from shared.db.pool import connect
from shared.live import HintWriter
from shared.publisher import make_publisher
from shared.settings import Settings, get_settings

STOP_S = 0.8
_STANDBY_S = 0.5
_RECONNECT_S = (0.1, 0.2, 0.5, 1.0, 2.0)

_log = log.get_logger(__name__)


def loop_types() -> list[type[Loop]]:
    """Every loop there is, by the name of its file."""
    found = []
    for module_info in pkgutil.iter_modules(loops.__path__):
        module = importlib.import_module(f"{loops.__name__}.{module_info.name}")
        members = [member for _, member in inspect.getmembers(module, inspect.isclass)]
        found += [
            cls for cls in members if issubclass(cls, Loop) and cls.__module__ == module.__name__ and cls is not Loop
        ]
    return found


class Clockwork:
    """All loops of one process, each in a thread with a connection of its own; a loop never dies."""

    def __init__(self, settings: Settings, types: Sequence[type[Loop]] | None = None) -> None:
        self._database_url = settings.database_url
        self._stop = threading.Event()
        self._connections: dict[str, psycopg.Connection[tuple[object, ...]]] = {}
        self._hints = HintWriter(settings.redis_url)
        self._publisher = make_publisher(settings.broker_url)
        self._leadership = Leadership(settings, self._stop)
        tools = Tools(settings, self._publisher, self._hints)
        self._threads = [
            threading.Thread(target=self._keep_running, args=(cls(tools),), name=cls.name(), daemon=True)
            for cls in (loop_types() if types is None else types)
        ]

    def start(self) -> None:
        """Start every loop; returns at once, whether or not the servers answer."""
        self._leadership.start()
        for thread in self._threads:
            thread.start()

    def close(self) -> None:
        """Stop within a second: what a loop was doing is rolled back, and done again by the next process.

        A broker that stalls gets three seconds more to take what was to be sent.
        """
        until = time.monotonic() + STOP_S
        self._stop.set()
        for connection in list(self._connections.values()):
            threading.Thread(target=_cancel, args=(connection,), daemon=True).start()
        for thread in [*self._threads, self._leadership]:
            thread.join(timeout=max(0.0, until - time.monotonic()))
        self._publisher.close()
        self._hints.close()

    def _keep_running(self, loop: Loop) -> None:
        failures = 0
        while not self._stop.is_set():
            try:
                with connect(
                    self._database_url, application_name=f"flowversal-{loop.name()}", autocommit=True
                ) as connection:
                    self._connections[loop.name()] = connection
                    failures = 0
                    self._serve(loop, connection)
            except psycopg.Error as error:
                if not self._stop.is_set():
                    _log.warning("Postgres does not answer; trying again", loop=loop.name(), error=str(error).strip())
            wait_s = _RECONNECT_S[min(failures, len(_RECONNECT_S) - 1)]
            failures += 1
            self._stop.wait(wait_s)

    def _serve(self, loop: Loop, connection: psycopg.Connection[tuple[object, ...]]) -> None:
        """Pass after pass until the connection is lost (psycopg.OperationalError) or clockwork stops."""
        while not self._stop.is_set():
            wait_s = self._pass(loop, connection) if self._leadership.leads else _STANDBY_S
            self._stop.wait(wait_s)

    def _pass(self, loop: Loop, connection: psycopg.Connection[tuple[object, ...]]) -> float:
        try:
            began = time.monotonic()
            wait_s = loop.run(connection)
            took_s = time.monotonic() - began
        except Exception as error:
            if self._stop.is_set():
                return 0.0
            metrics.LOOP_FAILURES.labels(loop.name()).inc()
            if connection.closed:
                raise psycopg.OperationalError(str(error)) from error
            _log.exception("a pass failed; the loop goes on", loop=loop.name())
            return loop.interval_s
        metrics.LOOP_DURATION.labels(loop.name()).observe(took_s)
        return max(wait_s, loop.rest * took_s) if wait_s else 0.0


def _cancel(connection: psycopg.Connection[tuple[object, ...]]) -> None:
    """End the statement that runs, if any; the connection may be gone by now."""
    try:
        connection.cancel_safe(timeout=STOP_S)
    except psycopg.Error as error:
        _log.debug("a statement could not be canceled", error=str(error))


def main() -> None:
    """Run until SIGTERM or SIGINT, then end within a second."""
    settings = get_settings()
    log.configure(settings, "clockwork")
    stop = Stop()
    clockwork = Clockwork(settings)
    clockwork.start()
    metrics.serve(settings.metrics_port, settings.metrics_host)
    stop.wait()
    clockwork.close()
    # A thread that hangs in a dead connection must not keep the process alive; nothing is left half-written.
    sys.stderr.flush()
    os._exit(0)


if __name__ == "__main__":
    main()
