"""Callbacks over HTTP: what is accepted, what it becomes, who sees the address."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from io import BytesIO
from typing import Any

import psycopg
import pytest
from flask import Flask
from flask.testing import FlaskClient

from shared.callbacks import token_of
from shared.db import waits
from shared.db.keys import callback_key
from shared.domain.outcome import Ask, Key
from tests.integration.api.asking import claim, wait
from tests.integration.api.caller import Caller

Person = Callable[..., Caller]
Connection = psycopg.Connection[Any]


class Waiting:
    """A run whose first step waits for a callback."""

    def __init__(self, connection: Connection, caller: Caller, workflow: str = "") -> None:
        self.execution = caller.started(workflow or caller.workflow())
        claimed = claim(connection, self.execution)
        wait(connection, claimed, Ask("callback"))
        self.key: Key = claimed.key
        self.path = f"/hooks/callback/{token_of(callback_key(connection), claimed.key)}"


@pytest.fixture
def waiting(admin: Caller, connection: Connection) -> Waiting:
    return Waiting(connection, admin)


@pytest.fixture
def stranger(app: Flask) -> FlaskClient:
    """Somebody with nothing but the address."""
    return app.test_client(use_cookies=False)


@pytest.mark.parametrize(
    ("sent", "body"),
    [
        ({"json": {"n": 10**30, "t": "ü"}}, {"n": 10**30, "t": "ü"}),
        ({"data": {"a": "1", "b": ["2", "3"]}}, {"a": "1", "b": ["2", "3"]}),
        ({"data": {"a": "1"}, "content_type": "multipart/form-data"}, {"a": "1"}),
        ({"data": "plain text", "content_type": "text/plain"}, "plain text"),
        ({}, None),
    ],
)
def test_a_call_is_accepted_once_and_kept_as_it_came(
    stranger: FlaskClient, waiting: Waiting, connection: Connection, sent: dict[str, Any], body: Any
) -> None:
    headers = {"X-Event": "paid", "X-Api-Token": "secret", "Authorization": "Bearer x", "Cookie": "a=b"}
    answer = stranger.post(f"{waiting.path}?a=1&b=2&b=3", headers=headers, **sent)
    assert (answer.status_code, answer.get_json()) == (202, {"status": "accepted"})
    kept = waits.answer_of(connection, waiting.key)
    assert kept.pop("receivedAt") > 0
    assert kept["body"] == body
    assert kept["query"] == {"a": "1", "b": ["2", "3"]}
    assert kept["headers"]["x-event"] == "paid"
    assert not {"x-api-token", "authorization", "cookie"} & set(kept["headers"])
    assert connection.execute("SELECT state FROM steps").fetchall() == [("ready",)]

    again = stranger.post(waiting.path, **sent)
    assert (again.status_code, again.content_type) == (409, "application/problem+json")
    assert "already" in again.get_json()["detail"]
    rows = connection.execute(
        "SELECT user_id, target, detail FROM audit_log WHERE action = 'callback.receive'"
    ).fetchall()
    assert rows == [(None, waiting.execution, {"step": "step-first"})]


def test_a_link_can_be_followed_and_looking_at_it_changes_nothing(stranger: FlaskClient, waiting: Waiting) -> None:
    assert stranger.head(waiting.path).status_code == 204
    assert stranger.get(f"{waiting.path}?ok=yes").status_code == 202
    assert stranger.get(waiting.path).status_code == 409


def test_of_many_calls_at_once_one_counts(app: Flask, waiting: Waiting) -> None:
    def post(number: int) -> int:
        return app.test_client(use_cookies=False).post(waiting.path, json=number).status_code

    with ThreadPoolExecutor(5) as threads:
        assert sorted(threads.map(post, range(5))) == [202, 409, 409, 409, 409]


def test_a_call_that_cannot_be_stored_does_not_use_the_address_up(stranger: FlaskClient, waiting: Waiting) -> None:
    for sent, status in (
        ({"data": b"{", "content_type": "application/json"}, 400),
        ({"data": b"\xff\xfe", "content_type": "application/octet-stream"}, 415),
        ({"json": {"a": "\x00"}}, 422),
        ({"data": {"a": "1", "file": (BytesIO(b"kept?"), "f.txt")}, "content_type": "multipart/form-data"}, 415),
        ({"data": b"x" * 100_001, "content_type": "text/plain"}, 413),
        ({"data": b"&" * 1_000, "content_type": "application/x-www-form-urlencoded"}, 413),
    ):
        answer = stranger.post(waiting.path, **sent)  # type: ignore[arg-type]
        assert answer.status_code == status, answer.get_data()
        assert answer.content_type == "application/problem+json"
    assert stranger.post(waiting.path).status_code == 202


def test_unknown_addresses_and_those_of_runs_that_ended(
    stranger: FlaskClient, waiting: Waiting, admin: Caller, connection: Connection
) -> None:
    assert stranger.post("/hooks/callback/nothing").status_code == 404
    forged = token_of(b"guess", waiting.key)
    assert stranger.post(f"/hooks/callback/{forged}").status_code == 404
    elsewhere = token_of(callback_key(connection), (admin.user_id, "first", ""))
    assert stranger.post(f"/hooks/callback/{elsewhere}").status_code == 404
    admin("POST", f"/executions/{waiting.execution}/cancel")
    gone = stranger.post(waiting.path)
    assert (gone.status_code, gone.get_json()["type"]) == (410, "/problems/gone")


def test_who_sees_the_address(admin: Caller, person: Person, connection: Connection) -> None:
    owner, runner, other = person("owner"), person("runner"), person("other")
    run = Waiting(connection, runner, owner.workflow(shared=True))
    path = f"/executions/{run.execution}/steps"
    for one in (admin, owner, runner):
        shown = one("GET", path).json["items"][0]["waitingFor"]
        assert shown == {"type": "callback", "expiresAt": None, "url": f"http://127.0.0.1:8000{run.path}"}
        assert one("GET", f"{path}/step-first").json["waitingFor"] == shown
    assert other("GET", path).json["items"][0]["waitingFor"] == {"type": "callback", "expiresAt": None}


def test_an_address_that_is_called_on_and_on_holds_up_nobody_else(
    stranger: FlaskClient, waiting: Waiting, admin: Caller, connection: Connection
) -> None:
    assert stranger.post(waiting.path).status_code == 202
    answers = [stranger.post(waiting.path) for _ in range(11)]
    assert [each.status_code for each in answers] == [409] * 10 + [429]
    assert (answers[-1].content_type, answers[-1].get_json()["type"]) == (
        "application/problem+json",
        "/problems/too-many-attempts",
    )
    assert 290 <= int(answers[-1].headers["Retry-After"]) <= 300
    assert stranger.get(waiting.path).status_code == 429
    assert stranger.post(Waiting(connection, admin).path).status_code == 202


def test_a_caller_of_unknown_addresses_is_slowed_down_and_known_ones_still_work(
    stranger: FlaskClient, waiting: Waiting
) -> None:
    statuses = [stranger.post(f"/hooks/callback/nothing{number}").status_code for number in range(101)]
    assert statuses == [404] * 100 + [429]
    elsewhere = stranger.post("/hooks/callback/nothing", environ_overrides={"REMOTE_ADDR": "10.0.0.9"})
    assert elsewhere.status_code == 404
    assert stranger.post(waiting.path).status_code == 202
