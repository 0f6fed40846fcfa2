"""The web server's settings, of every mode: gunicorn reads this module by its name."""

import gc
from typing import Any

from prometheus_client import multiprocess

from shared import log, metrics
from shared.settings import get_settings

worker_class = "gevent"
# How many processes comes from WEB_CONCURRENCY, gunicorn's own variable; one by default.
worker_connections = 10_000
keepalive = 65
timeout = 60
graceful_timeout = 5
accesslog = None
errorlog = "-"
loglevel = "info"
# Its default place is in the user's home directory.
control_socket_disable = True


def when_ready(server: Any) -> None:
    """The master serves `/metrics` of all its workers, on the internal port."""
    settings = get_settings()
    log.configure(settings, str(server.cfg.proc_name))
    metrics.serve(settings.metrics_port, settings.metrics_host)


def post_worker_init(worker: Any) -> None:
    """Every process logs in our format; the collector looks no more at what has been imported."""
    log.configure(get_settings(), str(worker.cfg.proc_name))
    gc.collect()
    gc.freeze()


def child_exit(_server: Any, worker: Any) -> None:
    """Drop the live gauges of a process that has ended; its counters stay in the sum.

    An error here would end the master, and with it the service.
    """
    if metrics.shared_by_processes():
        multiprocess.mark_process_dead(worker.pid)  # type: ignore[no-untyped-call]
