"""Nobody but the owner has a stored secret sent elsewhere without having it: 422 at each secret that must come again."""

from collections.abc import Callable
from typing import Any

import psycopg
import pytest

from services.api import trying
from shared.settings import Settings
from tests.integration.api.caller import Answer, Caller
from tests.integration.api.conftest import NOWHERE
from tests.integration.api.test_credentials import paths, replaced

Person = Callable[..., Caller]
PASSWORD, KEY = "correct horse battery", "sk-0123456789"
SMTP = {"host": "mail.test", "username": "us", "password": PASSWORD}


@pytest.fixture
def settings(database_url: str) -> Settings:
    return Settings.model_validate({"DATABASE_URL": database_url, "FLOWVERSAL_VAULT_KEY": "6b" * 32, **NOWHERE})


@pytest.fixture
def tried(monkeypatch: pytest.MonkeyPatch) -> list[bytes]:
    """What would have been tried."""
    found: list[bytes] = []
    monkeypatch.setattr(trying, "_ask", lambda given: (found.append(given), (True, "fine"))[1])
    return found


def made(owner: Caller, type: str = "smtp", fields: Any = SMTP, **more: Any) -> str:
    answer = owner("POST", "/credentials", {"name": "n", "type": type, "fields": fields, **more})
    assert answer.status_code == 201, answer.json
    return str(answer.json["id"])


def refused(answer: Answer, *names: str) -> None:
    assert set(paths(answer)) == {f"fields.{name}" for name in names}
    assert all(text.startswith("Enter it again") for text in paths(answer).values())


@pytest.mark.parametrize(
    "change", [{"host": "evil.test"}, {"port": 2525}, {"security": "none"}, {"fromAddress": "a@b.test"}, {"port": None}]
)
def test_another_field_of_somebody_elses_needs_the_secret(
    admin: Caller, person: Person, tried: list[bytes], change: dict[str, Any]
) -> None:
    owner = person("olga")
    id = made(owner, fields=SMTP | {"port": 25})
    refused(replaced(admin, id, {"fields": change}), "password")
    refused(admin("POST", f"/credentials/{id}/test", {"fields": change}), "password")
    assert tried == []
    assert admin("GET", f"/credentials/{id}").json["revision"] == 1
    with_it = change | {"password": PASSWORD}
    assert admin("POST", f"/credentials/{id}/test", {"fields": with_it}).status_code == 200
    assert replaced(admin, id, {"fields": with_it}).status_code == 200
    assert len(tried) == 1


def test_the_owner_and_who_changes_nothing_else_need_not(admin: Caller, person: Person, tried: list[bytes]) -> None:
    owner = person("olga")
    id = made(owner, hosts=["mail.test"])
    for body in ({"name": "x", "shared": True, "hosts": ["mail.test"]}, {"fields": {"host": "mail.test", "port": 587}}):
        assert replaced(admin, id, body).status_code == 200
    assert admin("POST", f"/credentials/{id}/test").status_code == 200
    assert admin("POST", f"/credentials/{id}/test", {"fields": {"password": "new"}}).status_code == 200
    assert replaced(owner, id, {"fields": {"host": "other.test"}, "hosts": []}).status_code == 200
    assert owner("POST", f"/credentials/{id}/test", {"fields": {"host": "x.test"}}).status_code == 200
    assert replaced(admin, id, {"hosts": ["a.test"]}).status_code == 200


def test_more_hosts_need_it_too(admin: Caller, person: Person, tried: list[bytes]) -> None:
    owner = person("olga")
    id = made(owner, hosts=["mail.test"])
    for hosts in ([], ["mail.test", "evil.test"], ["*.mail.test"]):
        refused(replaced(admin, id, {"hosts": hosts}), "password")
        refused(admin("POST", f"/credentials/{id}/test", {"hosts": hosts}), "password")
    assert owner("GET", f"/credentials/{id}").json["hosts"] == ["mail.test"]
    assert replaced(admin, id, {"hosts": [], "fields": {"password": PASSWORD}}).status_code == 200


def test_each_secret_that_is_stored_must_come_again_and_no_other(admin: Caller, person: Person) -> None:
    owner = person("olga")
    body = {"apiKey": KEY}
    id = made(owner, "ai.openai", body)
    refused(replaced(admin, id, {"fields": {"baseUrl": "https://evil.test/v1"}}), "apiKey")
    assert replaced(admin, id, {"fields": {"baseUrl": "https://evil.test/v1", "apiKey": None}}).status_code == 200
    empty = made(owner, "ai.openai", {})
    assert replaced(admin, empty, {"fields": {"baseUrl": "https://our.test/v1"}}).status_code == 200


def test_what_cannot_be_opened_is_not_let_out_of_its_hosts(
    admin: Caller, person: Person, connection: psycopg.Connection[Any]
) -> None:
    id = made(person("olga"), hosts=["mail.test"])
    connection.execute("UPDATE credentials SET kek_id = 'gone'")
    refused(replaced(admin, id, {"hosts": []}), "password")
    assert replaced(admin, id, {"hosts": [], "fields": SMTP | {"password": "new"}}).status_code == 200


def test_strangers_try_it_as_it_is(person: Person, tried: list[bytes]) -> None:
    id = made(person("olga"), shared=True)
    other = person("otto")
    assert other("POST", f"/credentials/{id}/test", {"hosts": []}).status_code == 403
    assert other("POST", f"/credentials/{id}/test").status_code == 200
