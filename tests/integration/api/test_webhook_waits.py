"""Callers that wait for their run, and floods, through a real gunicorn with gevent, a real worker and a real Valkey."""

import json
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from http.client import HTTPConnection
from pathlib import Path
from time import monotonic
from typing import Any
from urllib.parse import urlsplit

import httpx2
import psycopg
import pytest
from flask import Flask

from shared import ids
from tests.integration.api import serving
from tests.integration.api.caller import Caller, node
from tests.integration.api.hooking import Hook, hooked

Connection = psycopg.Connection[Any]
NOBODY = "redis://127.0.0.1:1/0"


@pytest.fixture
def environment(database_url: str, redis_url: str) -> dict[str, str]:
    return {
        "DATABASE_URL": database_url,
        "BROKER_URL": redis_url,
        "REDIS_URL": redis_url,
        "FLOWVERSAL_WORKER_THREADS": "4",
        "FLOWVERSAL_METRICS_PORT": "0",
    }


@pytest.fixture
def served() -> str:
    """What gunicorn serves."""
    return serving.API


@pytest.fixture
def http(environment: dict[str, str], tmp_path: Path, served: str) -> Iterator[httpx2.Client]:
    with (
        serving.api(environment, tmp_path / "api.log", served) as address,
        httpx2.Client(base_url=address, timeout=90, trust_env=False) as client,
    ):
        yield client


@pytest.fixture
def worker(environment: dict[str, str], tmp_path: Path) -> Iterator[None]:
    with serving.worker(environment, tmp_path / "worker.log"):
        yield


def hook(app: Flask, admin: Caller, connection: Connection, *nodes: dict[str, Any], **config: Any) -> Hook:
    """A webhook whose workflow has these nodes."""
    made = Hook(app, admin, connection, **config)
    etag = admin("GET", f"/workflows/{made.workflow}").headers["ETag"]
    changed = hooked(**config)
    changed["containers"][0]["nodes"] = list(nodes)
    assert admin("PUT", f"/workflows/{made.workflow}", {"definition": changed}, If_Match=etag).status_code == 200
    assert made.publish().status_code == 201
    return made


SLOW = node("slow", "simulate", durationMs=3_000, failureRate=0)
HELLO = node(
    "hello", "webhook.respond", status=201, body={"n": "{{ input.body.n }}"}, headers={"X-Id": "{{ input.method }}"}
)


@pytest.mark.parametrize("redis", [True, False])
@pytest.mark.usefixtures("worker")
def test_the_caller_gets_what_the_run_answers_while_it_goes_on(
    environment: dict[str, str], app: Flask, admin: Caller, connection: Connection, tmp_path: Path, *, redis: bool
) -> None:
    made = hook(app, admin, connection, HELLO, SLOW, respond="workflow", waitMs=60_000)
    hints = environment if redis else environment | {"REDIS_URL": NOBODY}
    with serving.api(hints, tmp_path / "api2.log") as address:
        began = monotonic()
        answer = httpx2.post(f"{address}{made.path}", json={"n": 7}, timeout=70, trust_env=False)
        took_s = monotonic() - began
    assert (answer.status_code, answer.json(), answer.headers["X-Id"]) == (201, {"n": 7}, "POST")
    assert answer.headers["Content-Security-Policy"] == "sandbox allow-forms allow-popups; form-action 'self'"
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert "Set-Cookie" not in answer.headers
    assert took_s < 30
    (listed,) = made.deliveries()
    assert (listed["status"], listed["reason"]) == (201, None)


@pytest.mark.usefixtures("worker")
def test_runs_that_end_without_an_answer(
    http: httpx2.Client, app: Flask, admin: Caller, connection: Connection
) -> None:
    bad = hook(app, admin, connection, node("no", "fail", message="canary"), respond="workflow")
    answer = http.post(bad.path)
    assert (answer.status_code, answer.json()["type"]) == (502, "/problems/run-failed")
    assert answer.json()["executionId"] == bad.deliveries()[0]["executionId"]
    assert "canary" not in answer.text
    good = hook(app, admin, connection, node("yes", output=1), respond="workflow")
    answer = http.post(good.path, json={})
    assert (answer.status_code, answer.json()["status"]) == (200, "success")
    assert [each["status"] for each in (*bad.deliveries(), *good.deliveries())] == [502, 200]


def test_when_the_time_is_over_the_caller_gets_the_id(
    http: httpx2.Client, app: Flask, admin: Caller, connection: Connection
) -> None:
    """No worker runs."""
    made = hook(app, admin, connection, HELLO, respond="workflow", waitMs=1_000)
    began = monotonic()
    first = http.post(made.path, headers={"Idempotency-Key": "k"})
    assert 1 <= monotonic() - began < 20
    again = http.post(made.path, headers={"Idempotency-Key": "k"})
    assert (first.status_code, again.status_code) == (202, 202)
    assert first.json() == again.json() == {"executionId": made.deliveries()[1]["executionId"]}
    assert connection.execute("SELECT closed_at IS NOT NULL FROM webhook_answers").fetchall() == [(True,)]


def test_a_canceled_run_and_one_that_was_asked_for_twice(
    http: httpx2.Client, app: Flask, admin: Caller, connection: Connection
) -> None:
    """The second caller gets what the first one gets. No worker runs."""
    made = hook(app, admin, connection, HELLO, respond="workflow", waitMs=60_000)
    with ThreadPoolExecutor(2) as threads:
        asked = []
        for count in (1, 2):
            asked.append(threads.submit(http.post, made.path, headers={"webhook-id": "1"}))
            while len(listed := made.deliveries()) < count:
                assert not any(each.done() for each in asked)
        assert {each["status"] for each in listed} == {None}
        held = (
            "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'flowversal-api' AND state LIKE 'idle in%'"
        )
        while connection.execute(held).fetchone() != (0,):
            assert not any(each.done() for each in asked)
        admin("POST", f"/executions/{listed[0]['executionId']}/cancel")
        answers = [each.result() for each in asked]
    assert [(each.status_code, each.json()["type"]) for each in answers] == [(502, "/problems/run-canceled")] * 2
    assert sum("Idempotency-Replayed" in each.headers for each in answers) == 1


def test_in_a_flood_each_call_is_an_execution_or_clearly_refused(
    http: httpx2.Client, app: Flask, admin: Caller, connection: Connection
) -> None:
    """A thousand calls from a hundred callers, with five times as many callers as connections to the database."""
    made = Hook(app, admin, connection, rate={"max": 700, "perMs": 3_600_000})
    netloc = urlsplit(str(http.base_url)).netloc

    def post(number: int) -> tuple[int, str, bool]:
        client = HTTPConnection(netloc, timeout=90)
        client.request("POST", made.path, f'{{"n": {number}}}', {"Content-Type": "application/json"})
        answer = client.getresponse()
        text = answer.read().decode()
        client.close()
        return answer.status, text, "Retry-After" in answer.headers

    with ThreadPoolExecutor(100) as threads:
        answers = list(threads.map(post, range(1_000)))
    statuses = Counter(status for status, _, _ in answers)
    assert statuses.keys() == {202, 429}
    assert all(retry for status, _, retry in answers if status == 429)
    accepted = {json.loads(text)["executionId"] for status, text, _ in answers if status == 202}
    # What was answered 429 is not there: nothing is committed before the answer is certain.
    assert len(accepted) == statuses[202] == made.runs() <= 700
    rows = connection.execute("SELECT execution_id FROM webhook_deliveries WHERE status = 202").fetchall()
    assert sorted(ids.encode(ids.EXECUTION, row[0]) for row in rows) == sorted(accepted)
    kinds = Counter(json.loads(text)["type"] for status, text, _ in answers if status == 429)
    assert kinds.keys() <= {"/problems/rate", "/problems/busy"}
    # Nothing is counted that was not taken, but by a lack of room after it.
    assert 700 - kinds["/problems/busy"] <= statuses[202]


@pytest.mark.parametrize("served", ["tests.integration.api.impatient:create_app()"], ids=["impatient"])
def test_bodies_that_lie_about_themselves(
    http: httpx2.Client, app: Flask, admin: Caller, connection: Connection
) -> None:
    made = Hook(app, admin, connection, maxBytes=100_000)
    slow, short = (HTTPConnection(urlsplit(str(http.base_url)).netloc, timeout=60) for _ in range(2))
    for client in (slow, short):
        client.putrequest("POST", made.path)
        client.putheader("Content-Length", "50")
        client.endheaders(b"only this")
    short.sock.shutdown(1)

    def pieces(count: int) -> Iterator[bytes]:
        for _ in range(count):
            yield b"x" * 10_000

    # What is announced and does not come takes no room from others.
    wide = Hook(app, admin, connection, maxBytes=16_000_000, path="wide")
    announced = [HTTPConnection(urlsplit(str(http.base_url)).netloc, timeout=60) for _ in range(20)]
    for client in announced:
        client.putrequest("POST", wide.path)
        client.putheader("Content-Length", "16000000")
        client.endheaders(b"begun")
    for path in (wide.path, made.path):
        assert http.post(path, content=b"x" * 99_000).status_code == 202
    for client in announced:
        client.close()

    text = {"Content-Type": "text/plain"}
    assert http.post(made.path, content=pieces(10), headers=text).status_code == 202
    answer = http.post(made.path, content=pieces(11), headers=text)
    assert (answer.status_code, answer.json()["type"]) == (413, "/problems/too-large")
    answer = http.post(made.path, content=b"x" * 100_001, headers=text)
    assert (answer.status_code, answer.json()["type"]) == (413, "/problems/too-large")
    assert [client.getresponse().status for client in (short, slow)] == [400, 408]
    slow.close()
    short.close()
    assert made.runs() == 3
