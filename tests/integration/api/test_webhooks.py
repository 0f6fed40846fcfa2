"""Webhooks over HTTP: what starts a run, with what, on which path, and what does not."""

import json
from base64 import b64encode
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from io import BytesIO
from typing import Any

import psycopg
import pytest
from flask import Flask

from shared.db import triggers, webhooks
from shared.metrics import WEBHOOK_CALLS
from shared.settings import Settings
from shared.web import database
from tests.integration.api.caller import Caller
from tests.integration.api.conftest import application
from tests.integration.api.hooking import Hook, hooked

Connection = psycopg.Connection[Any]
Make = Callable[..., Hook]


@pytest.fixture
def hook(app: Flask, admin: Caller, connection: Connection) -> Make:
    return lambda owner=admin, **config: Hook(app, owner, connection, **config)


def file(content: bytes, kind: str, **more: str) -> dict[str, Any]:
    return {"base64": b64encode(content).decode(), "contentType": kind, "bytes": len(content), **more}


@pytest.mark.parametrize(
    ("sent", "body"),
    [
        ({"json": {"n": 10**30, "t": "ü"}}, {"n": 10**30, "t": "ü"}),
        ({"data": b'{"a": 1}', "content_type": "application/cloudevents+json"}, {"a": 1}),
        ({"data": {"a": "1", "b": ["2", "3"]}}, {"a": "1", "b": ["2", "3"]}),
        ({"data": "plain ü", "content_type": "text/plain"}, "plain ü"),
        ({"data": "grün".encode("latin-1"), "content_type": "text/plain; charset=latin-1"}, "grün"),
        ({"data": "<a/>", "content_type": "application/xml"}, "<a/>"),
        ({"data": b"\xff\x00", "content_type": "image/png"}, file(b"\xff\x00", "image/png")),
        ({"data": b"\xff\xfe", "content_type": "text/plain"}, "\ufffd\ufffd"),
        ({"data": b"a\x00b", "content_type": "text/plain"}, file(b"a\x00b", "text/plain")),
        ({"data": b"x", "content_type": "text/plain; charset=klingon"}, "x"),
        ({"data": b"no type"}, "no type"),
        ({"data": b"\xff"}, file(b"\xff", "")),
        ({"data": b"  ", "content_type": "application/json"}, None),
        ({}, None),
    ],
)
def test_a_body_is_what_its_type_says(hook: Make, sent: dict[str, Any], body: Any) -> None:
    made = hook()
    assert made.input(made(**sent))["body"] == body


def test_a_form_with_files(hook: Make) -> None:
    made = hook()
    sent = {"a": "1", "both": ["t", (BytesIO(b"\x01\x02"), "f.bin")], "doc": (BytesIO(b"hi"), "d.txt", "text/plain")}
    body = made.input(made(data=sent, content_type="multipart/form-data"))["body"]
    assert body == {
        "a": "1",
        "both": ["t", file(b"\x01\x02", "application/octet-stream", name="f.bin")],
        "doc": file(b"hi", "text/plain", name="d.txt"),
    }


def test_the_run_gets_the_call_and_belongs_to_the_owner(hook: Make, connection: Connection) -> None:
    made = hook(path="orders/paid", methods=["PUT", "GET"])
    headers = {"X-Event": "paid", "Authorization": "Bearer x", "Cookie": "a=b", "X-Api-Token": "s", "User-Agent": "me"}
    answer = made("PUT", "?a=1&b=2&b=3", json=1, headers=headers)
    assert made.path == "/hooks/orders/paid"
    found = made.input(answer)
    assert found.pop("headers") == {
        "content-length": "1", "content-type": "application/json", "host": "localhost", "user-agent": "me", "x-event": "paid",
    }  # fmt: skip
    assert found == {"method": "PUT", "path": "orders/paid", "query": {"a": "1", "b": ["2", "3"]}, "body": 1}
    row = connection.execute("SELECT trigger_type, trigger_id, user_id, state FROM executions").fetchone()
    assert row == ("webhook", made.trigger.id, made.owner.user_id, "queued")


def test_a_path_that_nobody_can_guess_is_shown_to_nobody(hook: Make) -> None:
    made = hook()
    headers = {"X-Original-URI": f"https://example.com{made.path}?a=1", "X-Event": "paid"}
    found = made.input(made(headers=headers))
    assert (found["path"], found["headers"]["x-event"]) == ("hook", "paid")
    (logged,) = made.deliveries()
    shown = json.dumps([found, made.delivery(logged["id"]).json])
    assert made.path.removeprefix("/hooks/") not in shown


def test_headers_are_kept_up_to_a_limit(hook: Make) -> None:
    made = hook()
    found = made.input(made(headers={f"X-{number:03}": "v" * 3_000 for number in range(20)}))["headers"]
    assert {"host", "x-000", "x-004"} <= found.keys()
    assert "x-005" not in found


def test_another_method_is_told_which_ones_are_taken(hook: Make) -> None:
    made = hook(methods=["DELETE", "POST"])
    answer = made("GET")
    assert (answer.status_code, answer.headers["Allow"], answer.content_type) == (
        405,
        "POST, DELETE",
        "application/problem+json",
    )
    assert made("HEAD").status_code == 204
    assert made("DELETE").status_code == 202
    assert made.runs() == 1


@pytest.mark.parametrize(
    ("sent", "status", "kind"),
    [
        ({"data": b"{", "content_type": "application/json"}, 400, "malformed-json"),
        ({"data": b"--x", "content_type": "multipart/form-data"}, 400, "malformed-form"),
        ({"json": {"a": "\x00"}}, 422, "invalid-value"),
        ({"data": b"x", "headers": {"Content-Encoding": "gzip"}}, 415, "packed"),
        ({"data": b"x" * 1_001, "content_type": "text/plain"}, 413, "too-large"),
        ({"data": b"a" * 1_001, "environ_overrides": {"CONTENT_LENGTH": None, "wsgi.input_terminated": True}}, 413, "too-large"),
        ({"data": b"abc", "environ_overrides": {"CONTENT_LENGTH": "900"}}, 400, "cut-short"),
        ({"data": b"&" * 1_000, "content_type": "application/x-www-form-urlencoded"}, 413, "too-many-parts"),
    ],
)  # fmt: skip
def test_what_cannot_be_taken_starts_nothing(hook: Make, sent: dict[str, Any], status: int, kind: str) -> None:
    made = hook(maxBytes=1_000)
    answer = made(**sent)
    assert (answer.status_code, answer.get_json()["type"]) == (status, f"/problems/{kind}")
    assert made.runs() == 0
    (logged,) = made.deliveries()
    assert (logged["status"], logged["reason"]) == (status, kind)
    assert made(data=b"x" * 1_000).status_code == 202


class _Silent:
    """A connection that nothing comes over."""

    def read(self, _size: int) -> bytes:
        raise TimeoutError


def test_a_body_that_does_not_come_is_given_up(hook: Make) -> None:
    made = hook()
    environ = {"wsgi.input": _Silent(), "wsgi.input_terminated": True, "CONTENT_LENGTH": "5"}
    answer = made(environ_overrides=environ)
    assert (answer.status_code, answer.get_json()["type"]) == (408, "/problems/too-slow")
    assert made.runs() == 0


def test_the_limit_of_a_webhook_is_its_own(hook: Make) -> None:
    made = hook(maxBytes=3_000_000)
    big = {"text": "ü\n" * 700_000}
    answer = made(data=json.dumps(big, ensure_ascii=False).encode(), content_type="application/json")
    assert made.input(answer)["body"] == big


def test_only_live_webhooks_take_calls(hook: Make, admin: Caller, connection: Connection) -> None:
    made = hook()
    path = made.path
    assert triggers.pause(connection, made.trigger.id, paused=True)
    paused = made()
    assert (paused.status_code, paused.get_json()["type"]) == (404, "/problems/paused")
    triggers.pause(connection, made.trigger.id, paused=False)
    for enabled, status in ((False, 404), (True, 202)):
        etag = admin("GET", f"/workflows/{made.workflow}").headers["ETag"]
        admin("PUT", f"/workflows/{made.workflow}", {"enabled": enabled}, If_Match=etag)
        assert made().status_code == status
    assert admin("DELETE", f"/workflows/{made.workflow}").status_code == 204
    assert made._client.post(path).get_json()["type"] == "/problems/not-found"
    assert made.runs() == 1


def test_an_unpublished_workflow_has_no_webhook(admin: Caller, app: Flask) -> None:
    admin.workflow(definition=hooked(path="draft"), publish=False)
    assert app.test_client().post("/hooks/draft").status_code == 404
    assert app.test_client().post("/hooks/%00").status_code == 404


def test_a_path_that_nobody_can_guess_is_kept(hook: Make) -> None:
    made = hook()
    first = made.path
    assert len(first) == len("/hooks/") + 32
    made.change(path="own")
    assert made.path == "/hooks/own"
    assert made._client.post(first).status_code == 404
    made.change(methods=["PUT"])
    assert made.path == first
    assert (made("PUT").status_code, made("POST").status_code) == (202, 405)


def test_a_path_that_is_taken_is_refused_without_saying_by_whom(
    hook: Make, person: Callable[..., Caller], admin: Caller
) -> None:
    first, stranger = hook(path="mine"), person("stranger")
    other = stranger.workflow(definition=hooked(path="mine"), publish=False)
    answer = stranger("POST", f"/workflows/{other}/publish")
    assert (answer.status_code, answer.json["detail"]) == (
        409,
        "The path `mine` of the trigger `hook` is taken in this installation. Choose another one.",
    )
    assert stranger("GET", f"/workflows/{other}").json["publishedVersion"] is None
    assert first().status_code == 202
    admin("DELETE", f"/workflows/{first.workflow}")
    assert stranger("POST", f"/workflows/{other}/publish").status_code == 201


def test_of_two_that_take_one_path_at_once_one_gets_it(app: Flask, admin: Caller) -> None:
    workflows = [admin.workflow(definition=hooked(path="one"), publish=False) for _ in range(4)]

    def publish(workflow: str) -> int:
        return Caller(app, admin.token, admin.user_id, admin.public_id)(
            "POST", f"/workflows/{workflow}/publish"
        ).status_code

    with ThreadPoolExecutor(4) as threads:
        assert sorted(threads.map(publish, workflows)) == [201, 409, 409, 409]


def test_triggers_of_a_workflow_may_swap_their_paths(admin: Caller, app: Flask, connection: Connection) -> None:
    def triggers_of(*paths: str) -> dict[str, Any]:
        listed = [{"id": f"t{place}", "type": "webhook", "path": path} for place, path in enumerate(paths)]
        return hooked() | {"triggers": listed}

    workflow = admin.workflow(definition=triggers_of("a", "b"))
    etag = admin("GET", f"/workflows/{workflow}").headers["ETag"]
    admin("PUT", f"/workflows/{workflow}", {"definition": triggers_of("b", "a")}, If_Match=etag)
    assert admin("POST", f"/workflows/{workflow}/publish").status_code == 201
    found = [webhooks.find(connection, path) for path in ("a", "b")]
    assert [each.key for each in found if each] == ["t1", "t0"]


def test_a_caller_of_addresses_that_do_not_exist_is_slowed_down(hook: Make, app: Flask) -> None:
    stranger = app.test_client(use_cookies=False)
    statuses = [stranger.post(f"/hooks/nothing{number}").status_code for number in range(101)]
    assert statuses == [404] * 100 + [429]
    assert hook()().status_code == 202


def test_the_address_is_answered_to_who_may_start_runs(
    hook: Make, person: Callable[..., Caller], admin: Caller, connection: Connection
) -> None:
    made, viewer = hook(), person("vera", "viewer")
    connection.execute("UPDATE workflows SET shared = true")
    place = f"/workflows/{made.workflow}/triggers"
    (found,) = admin("GET", place).json["items"]
    assert found["url"].startswith("http")
    assert found["url"].endswith(made.path)
    assert admin("GET", f"{place}/hook").json["url"] == found["url"]
    assert viewer("GET", place).json["items"][0]["url"] is None


def test_where_no_connection_gets_free_callers_are_told_to_come_again(
    hook: Make, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And are not told that the database is away, as they are where it is."""
    made, counted = hook(), WEBHOOK_CALLS.labels("busy")
    monkeypatch.setattr(database, "POOL_TIMEOUT_S", 0.05)
    before = counted._value.get()
    with application(settings) as full, ExitStack() as held:
        client, path = full.test_client(use_cookies=False), made.path
        for _ in range(20):
            held.enter_context(database.borrowed(database.engine_of(full)))
        answer = client.post(path, json=1)
        assert (answer.status_code, answer.headers["Retry-After"]) == (429, "1")
        assert answer.get_json()["type"] == "/problems/busy"
        held.close()
        assert client.post(path, json=1).status_code == 202
    assert (counted._value.get(), made.runs()) == (before + 1, 1)
    away = settings.model_copy(update={"database_url": "postgresql://nobody@127.0.0.1:1/none"})
    with application(away) as alone:
        answer = alone.test_client().post(path, json=1)
    assert (answer.status_code, answer.get_json()["type"]) == (503, "/problems/unavailable")
