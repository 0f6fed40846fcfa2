"""The metrics: documented one by one, served over HTTP, summed over processes."""

import os
import re
import socket
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from urllib.request import urlopen

import pytest
from prometheus_client import REGISTRY, Counter, Gauge, Histogram

from services.standalone.gunicorn_config import child_exit
from shared import metrics
from shared.domain.ai_call import AiCall

ROOT = Path(__file__).parents[2]
KINDS = {"counter": Counter, "gauge": Gauge, "histogram": Histogram}

COUNT_ONE = """
from shared import metrics
metrics.STALE_OUTCOMES.inc()
metrics.QUEUE_DEPTH.labels("q").set(7)
"""
SERVE_UNDER_GEVENT = """
from gevent import monkey
monkey.patch_all()
from urllib.request import urlopen
from shared import metrics
exporter = metrics.start_exporter(0)
metrics.STALE_OUTCOMES.inc()
print(urlopen(f"http://127.0.0.1:{exporter.port}/metrics", timeout=5).read().decode())
exporter.close()
"""


def _objects() -> dict[str, Counter | Gauge | Histogram]:
    """Every metric object, by the name that Prometheus shows."""
    found = [value for value in vars(metrics).values() if isinstance(value, Counter | Gauge | Histogram)]
    return {each._name + ("_total" if isinstance(each, Counter) else ""): each for each in found}


def _documented() -> dict[str, tuple[str, set[str]]]:
    """Name → (type, labels) from the table of docs/metrics.md."""
    rows = re.findall(r"^\| `(\w+)` \| (\w+) \| (.*?) \|", (ROOT / "docs" / "metrics.md").read_text(), re.MULTILINE)
    return {name: (kind, set(re.findall(r"`(\w+)`", labels))) for name, kind, labels in rows}


def _scrape(port: int) -> str:
    with urlopen(f"http://127.0.0.1:{port}/metrics", timeout=5) as answer:
        text: str = answer.read().decode()
    return text


def _python(code: str, folder: Path) -> str:
    environment = os.environ | {"PROMETHEUS_MULTIPROC_DIR": str(folder)}
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, env=environment, check=True, capture_output=True, text=True
    )
    return done.stdout


def test_docs_list_every_metric_and_no_other() -> None:
    assert set(_documented()) == set(_objects())


def test_docs_have_the_right_types_and_labels() -> None:
    for name, (kind, labels) in _documented().items():
        metric = _objects()[name]
        assert isinstance(metric, KINDS[kind]), name
        assert set(metric._labelnames) == labels, name


def test_names_carry_their_unit() -> None:
    for name, metric in _objects().items():
        units = ("_total",) if isinstance(metric, Counter) else ("_seconds", "_rows", "_messages")
        assert name.startswith("flowversal_"), name
        assert name.endswith(units), name


def test_serves_what_was_counted() -> None:
    metrics.SWEEPER_ACTIONS.labels("woken").inc()
    exporter = metrics.start_exporter(0)
    try:
        assert 'flowversal_sweeper_actions_total{kind="woken"}' in _scrape(exporter.port)
    finally:
        exporter.close()


def test_port_zero_is_off() -> None:
    assert metrics.serve(0) == 0


def test_a_port_in_use_does_not_keep_a_service_from_starting() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        assert metrics.serve(taken.getsockname()[1]) == 0


def test_processes_of_a_service_are_summed_also_under_gevent(tmp_path: Path) -> None:
    _python(COUNT_ONE, tmp_path)
    _python(COUNT_ONE, tmp_path)
    text = _python(SERVE_UNDER_GEVENT, tmp_path)
    assert "flowversal_stale_outcomes_total 3.0" in text
    assert 'flowversal_queue_depth_messages{queue="q"} 7.0' in text


def test_a_web_process_that_ends_does_not_take_the_master_with_it() -> None:
    assert not metrics.shared_by_processes()
    child_exit(None, SimpleNamespace(pid=os.getpid()))


def test_models_past_the_first_fifty_share_a_label(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(metrics, "_models", set())
    metrics.count_ai_calls([AiCall(1, "stub", f"m{place}", 10, 5, 4, 7) for place in range(60)])
    metrics.count_ai_calls([AiCall(1, "stub", "m3"), AiCall(1, "stub", "m99")])

    def value(name: str, **labels: str) -> float | None:
        return REGISTRY.get_sample_value(name, {"provider": "stub", **labels})

    assert value("flowversal_ai_tokens_total", model="m3", kind="input") == 6
    assert value("flowversal_ai_tokens_total", model="m3", kind="cached") == 4
    assert value("flowversal_ai_tokens_total", model="other", kind="output") == 50
    assert value("flowversal_ai_cost_nano_usd_total", model="other") == 70
    assert value("flowversal_ai_unpriced_calls_total", model="other") == 1
    assert value("flowversal_ai_tokens_total", model="m55", kind="input") is None
