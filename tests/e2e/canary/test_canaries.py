"""No secret of a credential is anywhere but in the vault, whatever the other side does with it."""

import json
import zlib
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import psycopg
import pytest

from shared.credentials.catalogue import credential_types
from shared.credentials.secret_fields import secret_names
from tests.e2e.canary import planted
from tests.e2e.canary.cases import CASES, Case, filled
from tests.e2e.canary.field import Field, open_field, until
from tests.e2e.canary.hunt import CORE, FORMS, found_in, found_in_tables
from tests.e2e.canary.inbound import call_webhooks
from tests.e2e.canary.planted import SIGNING_KEY
from tests.e2e.stack import add_people
from tests.servers.folder import ServerFolder

AT_ONCE = 4
PAGES = (
    "/",
    "/approvals",
    "/credentials",
    "/credentials/new",
    "/executions",
    "/workflows",
    "/workflows/new",
    "/admin",
    "/admin/errors",
    "/admin/executions",
    "/admin/users",
    "/admin/workflows",
)
LISTS = (
    "/approvals",
    "/budgets",
    "/credential-types",
    "/credentials",
    "/dead-letters",
    "/dead-letters/groups",
    "/dead-letters/messages",
    "/executions",
    "/me",
    "/node-types",
    "/openapi.json",
    "/stats/overview",
    "/stats/users",
    "/stats/workflows",
    "/templates",
    "/workflows",
)


@pytest.fixture
def field(database_url: str, redis_url: str, tmp_path: Path) -> Iterator[Field]:
    admin, _ = add_people(database_url)
    with open_field(database_url, redis_url, admin, tmp_path) as running:
        yield running


def plant(field: Field, case: Case) -> str:
    """The id of the case's run, which is over."""
    given = {"name": case.name, "type": case.credential_type, "fields": filled(case.fields, **field.places)}
    credential = field("POST", "/credentials", given, Idempotency_Key=case.name)
    id = credential["id"]
    changed = {"name": f"{case.name} again", "fields": given["fields"]}
    field("PUT", f"/credentials/{id}", changed, If_Match="*")
    params = filled(case.params, **field.places, credential=id)
    nodes = [
        {"id": "blab", "type": case.type, "name": "Blab", "params": params, "onError": "port"},
        {"id": "pass", "type": "transform", "name": "Pass", "params": {"output": "{{ steps.blab }}"}},
    ]
    if case.state == "failed":
        del nodes[0]["onError"]
    workflow = field.workflow(case.name, {"schema": 1, "containers": [{"id": "c", "name": "C", "nodes": nodes}]})
    run = field("POST", f"/workflows/{workflow}/executions", {"input": {}}, Prefer="wait=60")
    assert run["status"] == case.state, run
    # One is enough: each test is a process of its own.
    field("POST", f"/credentials/{id}/test", {}) if case.name == "output" else None
    field("GET", f"/credentials/{id}")
    field.look(f"/credentials/{id}")
    return str(run["id"])


def read_all(field: Field, run: str) -> None:
    """Everything that the API and the pages say of a run."""
    for path in ("", "/steps", "/logs", "/steps/step-blab", "/ai-usage"):
        field("GET", f"/executions/{run}{path}")
    for path in ("/input", "/output", "/steps/step-blab/input", "/steps/step-blab/output", "/steps/step-pass/output"):
        answer = field.http.get(f"/api/v1/executions/{run}{path}")
        field.answers.append(f"GET {path}: {answer.text}")
    field.look(f"/executions/{run}")
    field.look(f"/live/executions/{run}")
    with field.http.stream("GET", f"/api/v1/executions/{run}/events") as events:
        field.answers.append("".join(events.iter_text()))


def test_no_canary_is_found_anywhere(field: Field, database_url: str, server_folder: ServerFolder) -> None:
    with ThreadPoolExecutor(AT_ONCE) as several:
        runs = list(several.map(lambda case: plant(field, case), CASES))
        runs += call_webhooks(field)
        failed = sum(case.state == "failed" for case in CASES)
        until(lambda: len(field("GET", "/dead-letters")["items"]) == failed)
        for fields in ({"secret": SIGNING_KEY}, {"secret": CORE[:4], "sercet": SIGNING_KEY}):
            answer = field.http.post("/api/v1/credentials", json={"name": "k", "type": "hmac", "fields": fields})
            field.answers.append(answer.text)
        letters = [f"/dead-letters/{each['id']}" for each in field("GET", "/dead-letters")["items"]]
        list(several.map(lambda run: read_all(field, run), runs))
        list(several.map(lambda path: field("GET", path), (*LISTS, *letters)))
        list(several.map(field.look, PAGES))
    unsaved = {"type": "planted", "fields": filled(CASES[0].fields, **field.places)}
    told = field("POST", "/credentials/test", unsaved)
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


def test_every_type_with_a_secret_is_planted() -> None:
    types = {name for name, kind in credential_types().items() if secret_names(kind.fields)}
    assert types - {case.credential_type for case in CASES} == set()


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
    names = ("PASSWORD", "ASCII_PASSWORD", "TOKEN", "ACCESS_TOKEN", "SIGNING_KEY", "PASSPHRASE")
    assert all(CORE in getattr(planted, name) for name in names)
