"""Each template, with its credentials chosen, run by real processes against real servers: mail, web, database, model."""

import hashlib
import hmac
import json
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

import httpx2
import psycopg
import pytest

from services.standalone.servers.postgres import Postgres
from shared.nodes.catalogue import node_types
from shared.nodes.credential_field import credential_fields
from tests.e2e.stack import PASSWORD, add_people
from tests.e2e.town import Town, town
from tests.integration.api import serving

KEY = "a key to sign orders with"
ORDERS = """
CREATE TABLE orders (number text PRIMARY KEY, email text, total numeric, created_at timestamptz NOT NULL DEFAULT now())
"""


@dataclass
class Shop:
    """A running installation, its town, and a credential of each type."""

    http: httpx2.Client
    town: Town
    database: psycopg.Connection[Any]
    credentials: dict[str, str]

    def publish(self, key: str, settings: dict[str, Any] | None = None) -> str:
        """The id of a workflow made of the template, with credentials and settings filled in."""
        definition = self.ask("GET", f"/templates/{key}")["definition"]
        for container in definition["containers"]:
            for node in container["nodes"]:
                self._fill(node, settings or {})
        for trigger in definition.get("triggers", []):
            if trigger["type"] == "webhook":
                trigger["authentication"]["credential"] = self.credentials["hmac"]
        workflow: str = self.ask("POST", "/workflows", {"name": key, "definition": definition})["id"]
        self.ask("POST", f"/workflows/{workflow}/publish", {})
        return workflow

    def _fill(self, node: dict[str, Any], settings: dict[str, Any]) -> None:
        model = node_types()[node["type"]].params
        if (mark := credential_fields(model).get("credential")) and model.model_fields["credential"].is_required():
            node["params"]["credential"] = next(self.credentials[it] for it in mark.types if it in self.credentials)
        if node["name"] == "Settings":
            node["params"]["output"] |= settings
        if node["type"] == "ai.chat":
            node["params"] |= {"model": "smollm2", "temperature": 0, "maxTokens": 200}

    def run(self, workflow: str, input: Any = None) -> dict[str, Any]:
        """A run that is over, successfully; its record."""
        record = self.ask("POST", f"/workflows/{workflow}/executions", {"input": input or {}}, Prefer="wait=60")
        assert record["status"] == "success", record
        return record

    def ask(self, method: str, path: str, body: Any = None, **headers: str) -> Any:
        """The JSON of an answer."""
        answer = self.http.request(method, f"/api/v1{path}", json=body, headers=headers)
        assert answer.status_code < 400, answer.text
        return answer.json()

    def until(self, holds: Callable[[], Any]) -> Any:
        """What is true at last."""
        ends = time.monotonic() + 60
        while not (found := holds()):
            assert time.monotonic() < ends, "it never came true"
            time.sleep(0.05)
        return found


@pytest.fixture
def shop(database_url: str, redis_url: str, postgres: Postgres, session_model: str, tmp_path: Path) -> Iterator[Shop]:
    admin, _ = add_people(database_url)
    environment = {
        "DATABASE_URL": database_url,
        "BROKER_URL": redis_url,
        "REDIS_URL": redis_url,
        "FLOWVERSAL_METRICS_PORT": "0",
        "FLOWVERSAL_WORKER_THREADS": "8",
        "FLOWVERSAL_WORKER_POOL": "default,ai,code",
        "FLOWVERSAL_ALLOW_PRIVATE_NETWORKS": "127.0.0.1/32, [::1/128]",
        "FLOWVERSAL_VAULT_KEY": "6b" * 32,
    }
    with ExitStack() as running:
        there = running.enter_context(town())
        address = running.enter_context(serving.api(environment, tmp_path / "api.log"))
        running.enter_context(serving.worker(environment, tmp_path / "worker.log"))
        arguments = ["-m", "services.worker.clockwork"]
        running.enter_context(serving.process(arguments, environment, tmp_path / "clockwork.log"))
        http = running.enter_context(httpx2.Client(base_url=address, timeout=90, trust_env=False))
        signed_in = http.post("/api/v1/session", json={"email": admin, "password": PASSWORD}).json()
        http.headers["X-CSRF-Token"] = signed_in["csrfToken"]
        name = unquote(urlsplit(database_url).path[1:])
        login = urlsplit(postgres.url_of(name, tcp=True))
        database = running.enter_context(psycopg.connect(database_url, autocommit=True))
        database.execute(ORDERS)
        made = Shop(http, there, database, {})
        for type, fields in {
            "smtp": {"host": "127.0.0.1", "port": there.mail.port, "security": "none", "fromAddress": "us@example.com"},
            "slack.webhook": {"url": there.site.url("/channel")},
            "hmac": {"secret": KEY},
            "ai.openai": {"baseUrl": session_model},
            "postgres": {
                "host": login.hostname,
                "port": login.port,
                "database": name,
                "username": login.username,
                "password": login.password,
                "tls": "disable",
            },
        }.items():
            made.credentials[type] = made.ask("POST", "/credentials", {"name": type, "type": type, "fields": fields})[
                "id"
            ]
        yield made


def test_the_morning_digest_is_mailed(shop: Shop) -> None:
    workflow = shop.publish("morning-digest", {"feed": shop.town.site.url("/feed"), "to": ["team@example.com"]})
    (trigger,) = shop.ask("GET", f"/workflows/{workflow}/triggers")["items"]
    assert "08:00" in trigger["schedule"]["sentence"]
    assert len(trigger["schedule"]["nextRuns"]) == 10
    shop.run(workflow)
    mail = shop.town.mail.message()
    assert (mail["Subject"], mail["To"]) == ("2 new since yesterday", "team@example.com")
    text = mail.get_body(("plain",))
    assert text is not None
    words = text.get_content()
    assert words.index("New") < words.index("Older new")
    assert "Old]" not in words


def test_signed_orders_are_checked_stored_once_and_told(shop: Shop) -> None:
    workflow = shop.publish("webhook-to-database")
    url = shop.ask("GET", f"/workflows/{workflow}/triggers/orders")["url"]

    def order(signed: bool = True, **fields: Any) -> httpx2.Response:
        body = json.dumps(fields).encode()
        signature = hmac.new(KEY.encode(), body, hashlib.sha256).hexdigest() if signed else "0" * 64
        headers = {"Content-Type": "application/json", "X-Webhook-Signature": signature}
        return shop.http.post(urlsplit(url).path, content=body, headers=headers)

    good = {"number": "A-7", "email": "ann@example.com", "total": 12.5}
    assert order(signed=False, **good).status_code == 401
    refused = order(number="A-8", email="ann", total=0)
    assert (refused.status_code, len(refused.json()["problems"])) == (422, 2)
    assert (order(**good).status_code, order(**good).json()) == (201, {"number": "A-7", "new": False})
    assert shop.database.execute("SELECT number, total::float8 FROM orders").fetchall() == [("A-7", 12.5)]
    shop.until(lambda: len(shop.town.said) == 2)
    assert shop.town.said[0] == "Order A-7 over 12.5 from ann@example.com"


def test_a_ticket_is_judged_by_a_model_and_answered_when_somebody_approves(shop: Shop) -> None:
    workflow = shop.publish("ticket-triage")
    run = shop.ask("POST", f"/workflows/{workflow}/executions", {"input": {"from": "ann@example.com"}})["id"]
    asked = shop.until(lambda: shop.ask("GET", "/approvals")["items"])
    assert "To ann@example.com" in json.dumps(asked)
    shop.ask("POST", f"/executions/{run}/steps/step-review/resume", {"decision": "approve"})
    record = shop.ask("GET", f"/executions/{run}", Prefer="wait=60")
    assert (record["status"], record["aiTokensUsed"] > 0) == ("success", True), record
    judged = json.loads(shop.http.get(f"/api/v1/executions/{run}/steps/step-judge/output").text)
    assert judged["json"]["topic"] in {"delivery", "payment", "product", "other"}
    mail = shop.town.mail.message()
    assert (mail["Subject"], mail["To"]) == ("Re: My parcel", "ann@example.com")
    assert len(shop.town.said) == judged["json"]["urgent"]


def test_the_nightly_report_has_the_table_as_a_file(shop: Shop) -> None:
    shop.database.execute(
        "INSERT INTO orders VALUES ('1', 'a@x.test', 10, now()), ('2', 'b@x.test', 30.5, now()),"
        " ('3', 'a@x.test', 5, now()), ('4', 'c@x.test', 1, now() - interval '2 days')"
    )
    shop.run(shop.publish("nightly-report", {"to": ["boss@example.com"]}))
    mail = shop.town.mail.message()
    assert mail["Subject"] == "3 orders"
    (file,) = mail.iter_attachments()
    assert file.get_filename() == "orders.csv"
    content = file.get_content()
    table = content if isinstance(content, str) else content.decode()
    assert table.split() == ["email,orders,revenue", "b@x.test,1,30.5", "a@x.test,2,15.0"]


def test_what_is_not_well_is_told(shop: Shop) -> None:
    site = shop.town.site
    record = shop.run(shop.publish("health-check", {"urls": [site.url("/well")]}))
    assert record["output"] == {"checked": 1, "well": True}
    gone = f"http://127.0.0.1:{site.port}/ill"
    shop.run(shop.publish("health-check", {"urls": [site.url("/well"), gone, "http://127.0.0.1:1/"]}))
    (said,) = shop.town.said
    assert f"{gone}: 503" in said
    assert "http://127.0.0.1:1/: 0 " in said
    assert "/well" not in said


def test_a_csv_file_is_cleaned_and_stored(shop: Shop) -> None:
    workflow = shop.publish("import-csv", {"url": shop.town.site.url("/orders")})
    for _ in range(2):
        record = shop.run(workflow)
        assert (record["output"]["stored"], len(record["output"]["leftOut"])) == (2, 1)
    rows = shop.database.execute("SELECT number, email, total::float8 FROM orders ORDER BY number").fetchall()
    assert rows == [("A-1", "ann@example.com", 12.0), ("A-3", "cy@example.com", 7.0)]
