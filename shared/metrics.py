"""Every metric of Flowversal, each with its unit in its name and its labels; `docs/metrics.md` explains them.

With `PROMETHEUS_MULTIPROC_DIR` set (by the supervisor, before the first import, to an empty folder of this service),
the processes of a service share their numbers through that folder and any one of them can serve the sum.
"""

import os
import threading
from collections.abc import Iterable
from typing import Any, Final
from wsgiref.simple_server import WSGIRequestHandler, make_server

from prometheus_client import REGISTRY, CollectorRegistry, Counter, Gauge, Histogram, make_wsgi_app, multiprocess
from prometheus_client.exposition import ThreadingWSGIServer

from shared.domain.ai_call import AiCall
from shared.log import get_logger

_SECONDS: Final = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 1800)
_ROWS: Final = (1, 2, 4, 8, 16, 32, 64, 128, 256)

EXECUTIONS_STARTED = Counter("flowversal_executions_started_total", "Executions accepted.", ["trigger"])
EXECUTIONS_FINISHED = Counter("flowversal_executions_finished_total", "Executions that ended.", ["status"])
STEP_DURATION = Histogram(
    "flowversal_step_duration_seconds",
    "Run time of a node in one attempt of a step; without the commits before and after.",
    ["node_type"],
    buckets=_SECONDS,
)
STEP_QUEUE_WAIT = Histogram(
    "flowversal_step_queue_wait_seconds", "Time a step was ready before its claim.", ["node_type"], buckets=_SECONDS
)
QUEUE_DEPTH = Gauge(
    "flowversal_queue_depth_messages",
    "Messages that wait in a queue of the broker (clockwork only).",
    ["queue"],
    multiprocess_mode="mostrecent",
)
OLDEST_READY = Gauge(
    "flowversal_oldest_ready_step_seconds",
    "Age of the step that has been ready the longest (clockwork only).",
    ["pool"],
    multiprocess_mode="mostrecent",
)
DUPLICATE_CLAIMS = Counter("flowversal_duplicate_claims_total", "Messages whose step somebody else had, or was over.")
STALE_OUTCOMES = Counter("flowversal_stale_outcomes_total", "Outcomes dropped because their fence was stale.")
SWEEPER_ACTIONS = Counter("flowversal_sweeper_actions_total", "Repairs and wake-ups made by clockwork.", ["kind"])
SCHEDULE_FIRES = Counter(
    "flowversal_schedule_fires_total",
    "Firings of schedules and of triggers that follow runs, by outcome (started, missed, skipped, failed).",
    ["outcome"],
)
SCHEDULE_LATENESS = Histogram(
    "flowversal_schedule_lateness_seconds",
    "Time from when a schedule was due to the start of its run.",
    buckets=_SECONDS,
)
DEAD_LETTERS = Counter("flowversal_dead_letters_total", "Dead letters written, by kind (run, message).", ["kind"])
OPEN_DEAD_LETTERS = Gauge(
    "flowversal_open_dead_letters_rows",
    "Dead letters of runs that nobody has redriven or dismissed (clockwork only).",
    multiprocess_mode="mostrecent",
)
PUBLISHES = Counter(
    "flowversal_publishes_total", "Messages handed to the broker, by result (ok, kept, failed).", ["result"]
)
COMMITTER_BATCH = Histogram(
    "flowversal_committer_batch_rows", "Claims and outcomes written in one transaction.", buckets=_ROWS
)
WEBHOOK_CALLS = Counter(
    "flowversal_webhook_calls_total",
    "Calls of webhooks, by outcome: accepted, duplicate, or why they were refused.",
    ["outcome"],
)
HTTP_REQUESTS = Counter(
    "flowversal_http_requests_total", "Requests answered by the API and the dashboard.", ["method", "route", "status"]
)
HTTP_DURATION = Histogram(
    "flowversal_http_request_duration_seconds",
    "Time to answer a request (event streams excepted).",
    ["method", "route"],
    buckets=_SECONDS,
)
LOOP_DURATION = Histogram(
    "flowversal_clockwork_loop_duration_seconds", "One pass of a clockwork loop.", ["loop"], buckets=_SECONDS
)
LOOP_FAILURES = Counter("flowversal_clockwork_loop_failures_total", "Passes of a loop that raised.", ["loop"])

AI_TOKENS = Counter(
    "flowversal_ai_tokens_total", "Tokens of AI calls, by kind (input, cached, output).", ["provider", "model", "kind"]
)
AI_COST = Counter(
    "flowversal_ai_cost_nano_usd_total", "Cost of AI calls with a known price, in nano-dollars.", ["provider", "model"]
)
AI_UNPRICED = Counter(
    "flowversal_ai_unpriced_calls_total", "AI calls whose tokens or price are not known.", ["provider", "model"]
)
MOST_MODELS: Final = 50
_models: set[tuple[str, str]] = set()

_log = get_logger(__name__)


def count_ai_calls(calls: Iterable[AiCall]) -> None:
    """Count what models used. Past the first 50 models of a process, the others are called `other`: users name them."""
    for call in calls:
        names = (call.provider, call.model)
        if names not in _models and len(_models) >= MOST_MODELS:
            names = (call.provider, "other")
        else:
            _models.add(names)
        cached = call.cached_tokens or 0
        AI_TOKENS.labels(*names, "input").inc(max(0, (call.input_tokens or 0) - cached))
        AI_TOKENS.labels(*names, "cached").inc(cached)
        AI_TOKENS.labels(*names, "output").inc(call.output_tokens or 0)
        if call.cost_nano is None:
            AI_UNPRICED.labels(*names).inc()
        else:
            AI_COST.labels(*names).inc(call.cost_nano)


class Exporter:
    """A running `/metrics` server; `port` is the one it listens on."""

    def __init__(self, server: ThreadingWSGIServer) -> None:
        self.port: int = server.server_port
        self._server = server
        self._thread = threading.Thread(target=server.serve_forever, name="metrics", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Stop listening; returns when the port is free again."""
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


def serve(port: int, host: str = "127.0.0.1") -> int:
    """Serve `/metrics` in the background for the life of the process; returns the port, 0 if it is off.

    Port 0 is off. A port that cannot be had is logged and counts as off: metrics never keep a service from starting.
    """
    if port == 0:
        return 0
    try:
        return start_exporter(port, host).port
    except OSError as error:
        _log.warning("metrics are off: cannot listen", host=host, port=port, error=str(error))
        return 0


def start_exporter(port: int, host: str = "127.0.0.1") -> Exporter:
    """Listen on `port` (0: any free one) and answer every GET. Raises OSError if the port cannot be had.

    Threads only, so it works the same where gevent has replaced them by greenlets.
    """
    app = make_wsgi_app(registry())
    return Exporter(make_server(host, port, app, ThreadingWSGIServer, handler_class=_Silent))


def shared_by_processes() -> bool:
    """Whether the processes of this service share a folder of metrics."""
    return "PROMETHEUS_MULTIPROC_DIR" in os.environ


def registry() -> CollectorRegistry:
    """What to collect from: this process, or every process of the service when they share a folder."""
    if not shared_by_processes():
        return REGISTRY
    merged = CollectorRegistry()
    multiprocess.MultiProcessCollector(merged)  # type: ignore[no-untyped-call]  # registers itself
    return merged


class _Silent(WSGIRequestHandler):
    def log_message(self, format: str, *args: Any) -> None:
        """Scrapes are not worth a log line."""
