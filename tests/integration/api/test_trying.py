"""Trying credentials: what came of it is said, without any secret, in time, and not too often."""

from collections.abc import Callable, Iterator
from time import monotonic
from typing import Any

import psycopg
import pytest

from services.api import trying
from shared.credentials.catalogue import credential_types
from shared.settings import Settings
from tests.e2e.canary.echo import echo
from tests.e2e.canary.hunt import found_in
from tests.e2e.canary.planted import PASSWORD, TOKEN, Planted, installed
from tests.integration.api.caller import Answer, Caller
from tests.integration.api.conftest import NOWHERE

Person = Callable[..., Caller]


@pytest.fixture
def settings(database_url: str) -> Settings:
    given = {
        "DATABASE_URL": database_url,
        "FLOWVERSAL_VAULT_KEY": "6b" * 32,
        "FLOWVERSAL_ALLOW_PRIVATE_NETWORKS": "127.0.0.1/32",
    }
    return Settings.model_validate({**given, **NOWHERE})


@pytest.fixture(autouse=True)
def planted(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The type of the canary tests, in this process and in those that try."""
    types = {**credential_types(), "planted": Planted()}
    monkeypatch.setattr("services.api.credential_fields.credential_types", lambda: types)
    monkeypatch.setattr("shared.vault.opening.credential_types", lambda: types)
    with installed() as environment:
        for name, value in environment.items():
            monkeypatch.setenv(name, value)
        yield


def fields(user: str = "works", url: str = "http://127.0.0.1:1") -> dict[str, Any]:
    return {"url": url, "user": user, "password": PASSWORD, "token": TOKEN}


def tried(caller: Caller, user: str, **more: Any) -> Answer:
    answer = caller("POST", "/credentials/test", {"type": "planted", "fields": fields(user, **more)})
    assert found_in(answer.text) == []
    return answer


def test_what_worked_is_said_without_the_secret(admin: Caller) -> None:
    assert tried(admin, "works").json == {"ok": True, "message": "Signed in with •••."}


def test_what_did_not_is_said_without_the_secret(admin: Caller) -> None:
    with echo() as url:
        answer = tried(admin, "refused", url=url)
    assert answer.status_code == 200
    assert answer.json["ok"] is False
    assert answer.json["message"].startswith("The server refused it: ")
    assert "•••" in answer.json["message"]


def test_private_addresses_are_refused_as_they_are_for_steps(admin: Caller) -> None:
    assert "10.0.0.1" in tried(admin, "refused", url="http://10.0.0.1").json["message"]


def test_it_is_sent_to_its_hosts_only(admin: Caller) -> None:
    with echo() as url:
        given = {"name": "n", "type": "planted", "fields": fields("refused", url), "hosts": ["api.example.com"]}
        id = admin("POST", "/credentials", given).json["id"]
        stored = admin("POST", f"/credentials/{id}/test")
        unsaved = admin("POST", "/credentials/test", {name: given[name] for name in ("type", "fields", "hosts")})
        wider = admin("POST", f"/credentials/{id}/test", {"hosts": ["127.0.0.1"]})
    refusal = "The credential may not be sent to 127.0.0.1: add the host to its allowed hosts, or use another."
    assert stored.json == unsaved.json == {"ok": False, "message": refusal}
    assert wider.json["message"].startswith("The server refused it: ")


@pytest.mark.parametrize(
    ("user", "said"), [("raises", "raised RuntimeError"), ("dies", "without a result"), ("hangs", "no answer within")]
)
def test_a_bad_test_hurts_nobody(admin: Caller, monkeypatch: pytest.MonkeyPatch, user: str, said: str) -> None:
    if user == "hangs":
        monkeypatch.setattr(trying, "LIMIT_S", 0.5)
    assert said in tried(admin, user).json["message"]


def test_a_stored_one_is_tried_also_with_other_fields_by_its_owner(
    admin: Caller, person: Person, connection: psycopg.Connection[Any]
) -> None:
    owner, other = person("olga"), person("otto")
    body = {"name": "n", "type": "planted", "fields": fields("works"), "shared": True}
    id = owner("POST", "/credentials", body).json["id"]
    assert other("POST", f"/credentials/{id}/test").json["ok"] is True
    assert other("POST", f"/credentials/{id}/test", {"fields": {"url": "http://evil.test"}}).status_code == 403
    changed = owner("POST", f"/credentials/{id}/test", {"fields": {"user": "raises"}})
    assert changed.json["ok"] is False
    assert owner("GET", f"/credentials/{id}").json["fields"]["user"] == "works"
    rows = connection.execute("SELECT target, detail FROM audit_log WHERE action = 'credential.test' ORDER BY id")
    assert rows.fetchall() == [(id, {"ok": ok, "type": "planted"}) for ok in (True, False)]


def test_not_too_often(admin: Caller, person: Person, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(trying, "ALLOWED", 2)
    monkeypatch.setattr(trying, "_ask", lambda _: (True, "fine"))
    assert [tried(admin, "works").status_code for _ in range(3)] == [200, 200, 429]
    assert int(tried(admin, "works").headers["Retry-After"]) > 200
    assert tried(person("ed"), "works").status_code == 200


def test_not_too_many_at_a_time(admin: Caller, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(trying, "AT_A_TIME", 0)
    began = monotonic()
    assert tried(admin, "works").status_code == 429
    assert monotonic() - began < 5
