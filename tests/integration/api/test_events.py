"""Live events and waiting, through a real gunicorn with gevent, a real worker and a real Valkey."""

import json
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from time import monotonic
from typing import Any

import httpx2
import psycopg
import pytest

from services.standalone.servers.valkey import Valkey
from tests.integration.api import serving
from tests.integration.api.caller import Caller, definition, node

Person = Callable[..., Caller]

WORK = definition(
    node("first"),
    node("slow", "simulate", durationMs=400, failureRate=0, tokensMin=5, tokensMax=5),
    node("last", output={"tokens": "{{ steps.slow.output.tokens }}", "long": "{{ input.long }}"}),
)


@pytest.fixture
def environment(database_url: str, redis_url: str, tmp_path: Path) -> dict[str, str]:
    return {
        "DATABASE_URL": database_url,
        "BROKER_URL": redis_url,
        "REDIS_URL": redis_url,
        "FLOWVERSAL_WORKER_THREADS": "4",
        "FLOWVERSAL_METRICS_PORT": "0",
    }


@pytest.fixture
def http(environment: dict[str, str], admin: Caller, tmp_path: Path) -> Iterator[httpx2.Client]:
    headers = {"Authorization": f"Bearer {admin.token}"}
    with (
        serving.api(environment, tmp_path / "api.log") as address,
        httpx2.Client(base_url=f"{address}/api/v1", headers=headers, timeout=30, trust_env=False) as client,
    ):
        yield client


def _start(http: httpx2.Client, workflow: str, **headers: str) -> Any:
    body = {"input": {"n": 1, "long": 10**99}}
    answer = http.post(f"/workflows/{workflow}/executions", json=body, headers=headers)
    assert answer.status_code == 202, answer.text
    return answer.json()


def _events(http: httpx2.Client, execution: str, **headers: str) -> Iterator[dict[str, str]]:
    with http.stream("GET", f"/executions/{execution}/events", headers=headers) as answer:
        assert answer.headers["Content-Type"].startswith("text/event-stream")
        event: dict[str, str] = {}
        for line in answer.iter_lines():
            name, _, value = line.partition(": ")
            if line and name:
                event[name] = value
            elif "event" in event:
                yield event
                event = {}


def _data(event: dict[str, str]) -> Any:
    return json.loads(event["data"])


def test_a_stream_tells_the_whole_run_from_snapshot_to_end(
    http: httpx2.Client, admin: Caller, environment: dict[str, str], tmp_path: Path
) -> None:
    workflow = admin.workflow(definition=WORK)
    execution = _start(http, workflow)["id"]

    seen: list[dict[str, str]] = []
    with serving.worker(environment, tmp_path / "worker.log"):
        for event in _events(http, execution):
            seen.append(event)

    kinds = [event["event"] for event in seen]
    assert kinds[0] == "snapshot"
    assert kinds[-1] == "end"
    assert {"step", "progress"} <= set(kinds)
    snapshot = _data(seen[0])
    assert [step["status"] for step in snapshot["steps"]] == ["ready", "pending", "pending"]
    statuses = [(s["nodeId"], s["status"]) for s in (_data(e) for e in seen if e["event"] == "step")]
    assert ("slow", "running") in statuses
    assert ("slow", "success") in statuses
    assert statuses[-1] == ("last", "success")
    end = _data(seen[-1])
    assert (end["status"], end["stepsExecuted"], end["aiTokensUsed"]) == ("success", 3, 5)
    revisions = [int(event["id"].partition(".")[0]) for event in seen]
    assert revisions == sorted(revisions)
    record = http.get(f"/executions/{execution}").json()
    assert record["output"] == {"tokens": 5, "long": 10**99}
    assert record["duration"] == record["completedAt"] - record["startedAt"] >= 400
    steps = http.get(f"/executions/{execution}/steps").json()["items"]
    assert [step["status"] for step in steps] == ["success"] * 3
    assert steps[1]["attempts"][0]["number"] == 1


def test_a_finished_run_is_a_snapshot_and_an_end(http: httpx2.Client, admin: Caller) -> None:
    execution = admin.started(admin.workflow())
    admin("POST", f"/executions/{execution}/cancel")

    kinds = [event["event"] for event in _events(http, execution)]

    assert kinds == ["snapshot", "end"]


def test_a_reconnect_begins_with_a_snapshot_and_goes_on_in_the_log(
    http: httpx2.Client, admin: Caller, database_url: str
) -> None:
    execution = admin.started(admin.workflow())
    with psycopg.connect(database_url) as connection:
        connection.execute(
            "INSERT INTO execution_logs (execution_id, at, level, node, item, attempt, message) "
            "SELECT e.id, now(), 'info', 'first', '', 1, 'line ' || n FROM executions e, generate_series(1, 3) n ORDER BY n"
        )
    admin("POST", f"/executions/{execution}/cancel")
    whole = list(_events(http, execution))
    second_line = [event for event in whole if event["event"] == "log"][1]

    again = list(_events(http, execution, **{"Last-Event-ID": second_line["id"]}))

    assert [_data(event)["message"] for event in whole if event["event"] == "log"] == ["line 1", "line 2", "line 3"]
    assert [event["event"] for event in again] == ["snapshot", "log", "end"]
    assert _data(again[1])["message"] == "line 3"


def test_waiting_for_the_end_of_a_run(
    http: httpx2.Client, admin: Caller, environment: dict[str, str], tmp_path: Path
) -> None:
    workflow = admin.workflow(definition=WORK)
    with serving.worker(environment, tmp_path / "worker.log"):
        record = _start(http, workflow, Prefer="wait=30")

    assert record["status"] == "success"
    assert record["output"]["tokens"] == 5


def test_whoever_waited_for_the_end_reads_the_last_lines(
    http: httpx2.Client, admin: Caller, environment: dict[str, str], tmp_path: Path
) -> None:
    lines = "for n in range(3):\n    print(f'line {n}')\nresult = 1"
    workflow = admin.workflow(definition=definition(node("a", "code", code=lines), node("b", "code", code=lines)))

    def last_lines(_: int) -> list[str]:
        execution = _start(http, workflow, Prefer="wait=30")
        assert execution["status"] == "success"
        found = http.get(f"/executions/{execution['id']}/logs").json()["items"]
        return [f"{line['nodeId']} {line['message']}" for line in found]

    wanted = [f"{step} line {n}" for step in "ab" for n in range(3)]
    environment |= {"FLOWVERSAL_WORKER_POOL": "default,code"}
    with serving.worker(environment, tmp_path / "worker.log"), ThreadPoolExecutor(10) as threads:
        assert [found for found in threads.map(last_lines, range(20)) if found != wanted] == []


def test_with_redis_down_the_stream_polls_and_still_ends(http: httpx2.Client, admin: Caller, valkey: Valkey) -> None:
    execution = admin.started(admin.workflow())
    valkey.stop()
    stream = _events(http, execution)
    assert next(stream)["event"] == "snapshot"

    began = monotonic()
    admin("POST", f"/executions/{execution}/cancel")
    kinds = [event["event"] for event in stream]

    assert kinds[-1] == "end"
    assert monotonic() - began < 6


def test_a_hundred_streams_hold_no_connections(http: httpx2.Client, admin: Caller, database_url: str) -> None:
    execution = admin.started(admin.workflow())
    with httpx2.Client(
        base_url=http.base_url,
        headers=http.headers,
        trust_env=False,
        timeout=30,
        limits=httpx2.Limits(max_connections=200),
    ) as many:
        streams = [_events(many, execution) for _ in range(100)]
        assert {next(stream)["event"] for stream in streams} == {"snapshot"}
        assert many.get("/me").status_code == 200
        with psycopg.connect(database_url) as connection:
            row = connection.execute(
                "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"
            ).fetchone()
        admin("POST", f"/executions/{execution}/cancel")
        for stream in streams:
            assert list(stream)[-1]["event"] == "end"

    assert row is not None
    assert row[0] <= 25
