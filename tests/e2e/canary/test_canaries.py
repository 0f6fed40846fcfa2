"""No secret of a credential is anywhere but in the vault, whatever the other side does with it."""

import json
import time
import zlib
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx2
import psycopg
import pytest

from services.standalone.ports import free_port
from tests.e2e.canary.echo import echo
from tests.e2e.canary.hunt import CORE, FORMS, Monitor, found_in, found_in_tables
from tests.e2e.canary.planted import CASES, PASSWORD, SIGNING_KEY, TOKEN, Case, filled, installed
from tests.e2e.stack import GUNICORN, add_people
from tests.e2e.stack import PASSWORD as SIGN_IN
from tests.integration.api import serving
from tests.servers.folder import ServerFolder

PAGES = (
    "/",
    "/credentials",
    "/executions",
    "/workflows",
    "/approvals",
    "/admin",
    "/admin/errors",
    "/admin/executions",
    "/admin/users",
)
LISTS = (
    "/executions",
    "/credentials",
    "/credential-types",
    "/dead-letters",
    "/dead-letters/groups",
    "/dead-letters/messages",
    "/stats/overview",
    "/stats/workflows",
    "/workflows",
)


@dataclass
class Field:
    """Everything that runs, and everything that was answered."""

    http: httpx2.Client
    echo: str
    logs: list[Path]
    metrics: list[str]
    monitor: Monitor
    answers: list[str]

    def __call__(self, method: str, path: str, body: Any = None, **headers: str) -> Any:
        """Call the API; the JSON of the answer."""
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        answer = self.http.request(method, f"/api/v1{path}", json=body, headers=named)
        self.answers.append(f"{method} {path}: {answer.headers} {answer.text}")
        assert answer.status_code < 400, answer.text
        return answer.json() if answer.text.startswith(("{", "[")) else answer.text

    def look(self, path: str) -> None:
        """Read a page, or an answer that is no JSON."""
        answer = self.http.get(path, follow_redirects=True)
        assert (answer.status_code, "/login" in str(answer.url)) == (200, False), path
        self.answers.append(f"GET {path}: {answer.text}")


@pytest.fixture
def field(database_url: str, redis_url: str, tmp_path: Path) -> Iterator[Field]:
    admin, _ = add_people(database_url)
    with ExitStack() as running:
        monitor = Monitor(redis_url)
        server = running.enter_context(echo())
        environment = running.enter_context(installed()) | {
            "DATABASE_URL": database_url,
            "BROKER_URL": redis_url,
            "REDIS_URL": redis_url,
            "FLOWVERSAL_VAULT_KEY": "6b" * 32,
            "FLOWVERSAL_WORKER_THREADS": "4",
            "FLOWVERSAL_LOG_LEVEL": "DEBUG",
            "FLOWVERSAL_ALLOW_PRIVATE_NETWORKS": "127.0.0.1/32",
        }
        web, ports = free_port(), {}
        programs = {
            "web": ["-m", *GUNICORN, "--bind", f"127.0.0.1:{web}", "services.standalone.wsgi:create_app()"],
            "worker": ["-m", "services.worker"],
            "clockwork": ["-m", "services.worker.clockwork"],
        }
        for name, arguments in programs.items():
            ports[name] = free_port()
            shared = tmp_path / f"metrics-{name}"
            shared.mkdir()
            its_own = {"FLOWVERSAL_METRICS_PORT": str(ports[name]), "PROMETHEUS_MULTIPROC_DIR": str(shared)}
            running.enter_context(serving.process(arguments, environment | its_own, tmp_path / f"{name}.log"))
        http = running.enter_context(httpx2.Client(base_url=f"http://127.0.0.1:{web}", timeout=60, trust_env=False))
        _until(lambda: http.get("/readyz").status_code == 200, tmp_path / "web.log")
        signed_in = http.post("/api/v1/session", json={"email": admin, "password": SIGN_IN}).json()
        http.headers["X-CSRF-Token"] = signed_in["csrfToken"]
        metrics = [f"http://127.0.0.1:{port}/metrics" for port in ports.values()]
        yield Field(http, server, sorted(tmp_path.glob("*.log")), metrics, monitor, [])


def _until(holds: Any, log: Path | None = None, within_s: float = 60) -> None:
    ends = time.monotonic() + within_s
    while True:
        try:
            if holds():
                return
        except httpx2.TransportError:
            pass
        assert time.monotonic() < ends, log.read_text() if log else "it never came true"
        time.sleep(0.05)


def plant(field: Field, case: Case) -> str:
    """The id of the case's run, which is over."""
    given = {"name": case.name, "type": case.credential_type, "fields": filled(case.fields, url=field.echo)}
    credential = field("POST", "/credentials", given, Idempotency_Key=case.name)
    id = credential["id"]
    changed = {"name": f"{case.name} again", "fields": given["fields"]}
    field("PUT", f"/credentials/{id}", changed, If_Match="*")
    params = filled(case.params, url=field.echo, credential=id)
    nodes = [
        {"id": "blab", "type": case.type, "name": "Blab", "params": params, "onError": "port"},
        {"id": "pass", "type": "transform", "name": "Pass", "params": {"output": "{{ steps.blab }}"}},
    ]
    if case.state == "failed":
        del nodes[0]["onError"]
    definition = {"schema": 1, "containers": [{"id": "c", "name": "C", "nodes": nodes}]}
    workflow = field("POST", "/workflows", {"name": case.name, "definition": definition})["id"]
    field("POST", f"/workflows/{workflow}/publish", {})
    run = field("POST", f"/workflows/{workflow}/executions", {"input": {}}, Prefer="wait=60")
    assert run["status"] == case.state, run
    field("POST", f"/credentials/{id}/test", {}) if case.credential_type == "planted" else None
    field("GET", f"/credentials/{id}")
    return str(run["id"])


def read_all(field: Field, run: str) -> None:
    """Everything that the API and the pages say of a run."""
    for path in ("", "/steps", "/logs", "/steps/step-blab"):
        field("GET", f"/executions/{run}{path}")
    for path in ("/input", "/output", "/steps/step-blab/input", "/steps/step-blab/output", "/steps/step-pass/output"):
        answer = field.http.get(f"/api/v1/executions/{run}{path}")
        field.answers.append(f"GET {path}: {answer.text}")
    field.look(f"/executions/{run}")
    field.look(f"/live/executions/{run}")
    with field.http.stream("GET", f"/api/v1/executions/{run}/events") as events:
        field.answers.append("".join(events.iter_text()))


def test_no_canary_is_found_anywhere(field: Field, database_url: str, server_folder: ServerFolder) -> None:
    runs = [plant(field, case) for case in CASES]
    failed = sum(case.state == "failed" for case in CASES)
    _until(lambda: len(field("GET", "/dead-letters")["items"]) == failed)
    for fields in ({"secret": SIGNING_KEY}, {"secret": CORE[:4], "sercet": SIGNING_KEY}):
        answer = field.http.post("/api/v1/credentials", json={"name": "k", "type": "hmac", "fields": fields})
        field.answers.append(answer.text)
    for run in runs:
        read_all(field, run)
    for path in LISTS:
        field("GET", path)
    for path in PAGES:
        field.look(path)
    told = field("POST", "/credentials/test", {"type": "planted", "fields": filled(CASES[0].fields, url=field.echo)})
    metrics = [field.http.get(url).text for url in field.metrics]
    assert all("flowversal_" in text for text in metrics)
    messages = field.monitor.text()
    assert "run_step" in messages or "flowversal" in messages
    texts = [*field.answers, *metrics, messages, *(log.read_text() for log in field.logs)]
    texts += [log.read_text(errors="replace") for log in server_folder.path.glob("*.log")]
    assert len(field.logs) == 3
    assert [place for text in texts for place in found_in(text)] == []
    with psycopg.connect(database_url) as connection:
        assert list(found_in_tables(connection)) == []
    # It was there: what came of it is seen in its place.
    assert sum("•••" in text for text in texts) >= len(CASES)
    assert told["ok"] is False
    assert "•••" in told["message"]


@pytest.mark.parametrize("form", sorted(FORMS))
def test_the_hunt_would_find_it(database_url: str, form: str) -> None:
    hidden = f"x{form}y"
    assert found_in(json.dumps({"a": [hidden]}))
    with psycopg.connect(database_url) as connection:
        connection.execute("CREATE TABLE odd (t text, j json, b bytea)")
        for column, value in (("t", hidden), ("j", json.dumps({hidden: 1})), ("b", zlib.compress(hidden.encode()))):
            connection.execute(f"INSERT INTO odd ({column}) VALUES (%s)", (value,))  # type: ignore[arg-type]
            assert list(found_in_tables(connection)), column
            connection.execute("DELETE FROM odd")
        connection.execute("INSERT INTO audit_log (action, target, detail) VALUES ('a', 't', %s)", (f'"{hidden}"',))
        assert next(found_in_tables(connection)).startswith("audit_log")


def test_every_canary_holds_what_is_looked_for() -> None:
    assert all(CORE in secret for secret in (PASSWORD, TOKEN, SIGNING_KEY))
