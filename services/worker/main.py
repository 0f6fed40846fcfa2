"""A worker process: Dramatiq's worker threads over one committer, one publisher, one event loop, one heartbeat."""

import asyncio
import gc
import os
import secrets
import socket
import sys
import threading
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import dramatiq
import dramatiq.worker
from dramatiq.middleware import Middleware
from dramatiq.worker import Worker

from services.worker.announcer import Announcer
from services.worker.attempt import Runner
from services.worker.heartbeat import Heartbeat
from services.worker.logs import LogWriter
from services.worker.outside import Outside
from services.worker.payloads import Limits, Payloads
from services.worker.reporter import Reporter
from services.worker.run_step import StepRunner
from services.worker.running import Registry
from services.worker.stopping import Stop
from shared import log, metrics
from shared.blobs import make_store
from shared.broker import is_rabbitmq, make_broker, queue_names
from shared.db.few import FewConnections
from shared.domain.messages import ACTOR
from shared.engine.batch import Options
from shared.engine.committer import Committer
from shared.live import HintWriter
from shared.net.client import make_network
from shared.net.network import Network
from shared.nodes.catalogue import node_types
from shared.publisher import make_publisher
from shared.settings import Settings, get_settings

STOP_TIMEOUT_MS = 10_000
REDIS_POLL_MS = 100
RABBITMQ_POLL_MS = 1_000
RECONNECT_S = 0.5


class Received(Middleware):
    """Tells the runner which message its thread is about to process."""

    def __init__(self, runner: StepRunner) -> None:
        self._runner = runner

    def before_process_message(self, _broker: dramatiq.Broker, message: Any) -> None:
        """Dramatiq's signal."""
        self._runner.received(message)


def new_worker_id() -> str:
    """`host-pid-random`: never reused."""
    return f"{socket.gethostname()}-{os.getpid()}-{secrets.token_hex(3)}"


def start_loop() -> asyncio.AbstractEventLoop:
    """The event loop on which nodes with I/O run, in a thread of its own."""
    loop = asyncio.new_event_loop()
    threading.Thread(target=loop.run_forever, name="nodes", daemon=True).start()
    return loop


def register(broker: dramatiq.Broker, runner: StepRunner, pools: Sequence[str]) -> None:
    """One actor that listens on every queue of some pools."""
    names = [name for pool in pools for name in queue_names(pool)]
    dramatiq.actor(actor_name=ACTOR, queue_name=names[1], broker=broker)(runner)
    for name in names:
        broker.declare_queue(name)


def run(settings: Settings) -> None:
    """Work until SIGTERM or SIGINT; then finish the steps at hand, for at most 10 s."""
    worker_id = settings.worker_id or new_worker_id()
    hints = HintWriter(settings.redis_url)
    registry = Registry()
    logs = LogWriter(settings.database_url, lambda ids: hints.touch(*ids))
    options = Options(worker=worker_id, lease_s=settings.lease_s, republish_s=settings.republish_after_s)
    publisher = make_publisher(settings.broker_url)
    announcer = Announcer(publisher, hints)
    outside = Outside(settings, node_types(), announcer.started, announcer.answered)
    reporter = announcer.reporter = Reporter(lambda child: announcer.reported(outside.report(child)))
    committer = Committer(settings.database_url, options, announcer.batch)
    few = FewConnections(settings.database_url, application_name="flowversal-payloads")
    payloads = Payloads(make_store(settings, few.borrow), few.borrow, _limits(settings))
    loop = start_loop()
    runner = StepRunner(
        database_url=settings.database_url,
        committer=committer,
        runner=Runner(loop, registry, node_types(), payloads, outside.start_child, respond=outside.respond),
        publisher=publisher,
        registry=registry,
        logs=logs,
        outside=outside,
        network=_network(loop, settings),
        threads=ThreadPoolExecutor(settings.worker_threads, thread_name_prefix="blocking"),
        hints=hints,
    )
    heartbeat = Heartbeat(settings, worker_id, registry)
    broker = make_broker(settings.broker_url, [Received(runner)])
    register(broker, runner, settings.worker_pools)
    metrics.serve(settings.metrics_port, settings.metrics_host)
    # How often a consumer looks for a broker that is away; Dramatiq's own 3 s would keep new runs waiting.
    dramatiq.worker.CONSUMER_RESTART_DELAY_SECS = RECONNECT_S
    poll_ms = RABBITMQ_POLL_MS if is_rabbitmq(settings.broker_url) else REDIS_POLL_MS
    worker = Worker(broker, worker_threads=settings.worker_threads, worker_timeout=poll_ms)
    # What is loaded by now stays for ever: the collector need not look at it again and again.
    gc.collect()
    gc.freeze()
    worker.start()
    Stop().wait()
    worker.stop(timeout=STOP_TIMEOUT_MS)
    for part in (committer, reporter, publisher, heartbeat, logs, outside, hints, few):
        part.close()


def _limits(settings: Settings) -> Limits:
    return Limits(
        offload=settings.offload_bytes,
        value=settings.max_output_bytes,
        loaded=settings.max_loaded_bytes,
        cached=settings.blob_cache_bytes,
    )


def _network(loop: asyncio.AbstractEventLoop, settings: Settings) -> Network:
    async def make() -> Network:
        return make_network(settings)

    return asyncio.run_coroutine_threadsafe(make(), loop).result()


def main() -> None:
    """Entry of `python -m services.worker`."""
    settings = get_settings()
    log.configure(settings, "worker")
    run(settings)
    # Threads of steps that did not end in time must not keep the process alive; their leases run out.
    sys.stderr.flush()
    os._exit(0)
