"""Sign-in, sessions and CSRF, tokens and their scopes."""

from collections.abc import Callable
from typing import Any

import psycopg
import pytest
from flask import Flask
from flask.testing import FlaskClient

from tests.integration.api.caller import Answer, Caller, definition
from tests.integration.api.conftest import PASSWORD

Person = Callable[..., Caller]
REFUSED = "E-mail and password do not match. Check both and try again."


def _sign_in(client: FlaskClient, email: str, password: str = PASSWORD) -> Answer:
    return Answer(client.post("/api/v1/session", json={"email": email, "password": password}))


def test_a_session_reads_with_its_cookie_and_writes_with_the_csrf_header(app: Flask, person: Person) -> None:
    person("eve", password=True)
    client = app.test_client()

    signed_in = _sign_in(client, "EVE@example.com")
    csrf = {"X-CSRF-Token": signed_in.json["csrfToken"]}
    body = {"name": "n", "definition": definition()}

    assert signed_in.status_code == 201
    cookie = signed_in.headers["Set-Cookie"]
    assert "HttpOnly" in cookie
    assert "SameSite=Lax" in cookie
    assert client.get("/api/v1/me").json == signed_in.json
    assert client.post("/api/v1/workflows", json=body).status_code == 403
    assert client.post("/api/v1/workflows", json=body, headers={"X-CSRF-Token": "x"}).status_code == 403
    created = Answer(client.post("/api/v1/workflows", json=body, headers=csrf))
    assert created.status_code == 201
    where = f"/api/v1/workflows/{created.json['id']}/executions"
    run = Answer(client.post(where, json={"version": "draft"}, headers=csrf))
    assert run.json["triggerType"] == "manual"
    assert client.delete("/api/v1/session").status_code == 403
    assert client.delete("/api/v1/session", headers=csrf).status_code == 204
    assert client.get("/api/v1/me").status_code == 401


def test_the_key_of_a_session_is_not_stored(app: Flask, person: Person, connection: psycopg.Connection[Any]) -> None:
    person("eve", password=True)
    client = app.test_client()
    _sign_in(client, "eve@example.com")
    cookie = client.get_cookie("flowversal")
    assert cookie is not None

    row = connection.execute("SELECT hash FROM sessions").fetchone()

    assert row is not None
    assert row[0] != cookie.value.encode()
    assert len(row[0]) == 32


def test_wrong_unknown_and_disabled_are_answered_alike(
    app: Flask, person: Person, connection: psycopg.Connection[Any]
) -> None:
    person("eve", password=True)
    person("off", password=True)
    person("none")
    connection.execute("UPDATE users SET disabled_at = now() WHERE email = 'off@example.com'")
    client = app.test_client()

    answers = [
        _sign_in(client, "eve@example.com", "wrong"),
        _sign_in(client, "nobody@example.com"),
        _sign_in(client, "off@example.com"),
        _sign_in(client, "none@example.com"),
    ]

    assert {(answer.status_code, answer.json["detail"]) for answer in answers} == {(401, REFUSED)}


def test_too_many_failures_have_to_wait(app: Flask, person: Person) -> None:
    person("eve", password=True)
    client = app.test_client()
    for _ in range(10):
        assert _sign_in(client, "eve@example.com", "wrong").status_code == 401

    answer = _sign_in(client, "eve@example.com")

    assert answer.status_code == 429
    assert 1 <= int(answer.headers["Retry-After"]) <= 300
    assert _sign_in(client, "other@example.com").status_code == 401


def test_the_session_of_a_disabled_user_is_over(
    app: Flask, person: Person, connection: psycopg.Connection[Any]
) -> None:
    eve = person("eve", password=True)
    client = app.test_client()
    _sign_in(client, "eve@example.com")

    connection.execute("UPDATE users SET disabled_at = now()")

    assert client.get("/api/v1/me").status_code == 401
    assert eve("GET", "/me").status_code == 401


def test_a_token_is_shown_once_and_works_until_it_is_revoked(
    admin: Caller, app: Flask, connection: psycopg.Connection[Any]
) -> None:
    created = admin("POST", "/tokens", {"name": "ci", "scopes": ["read"], "expiresInDays": 1}).json
    other = Caller(app, created["token"], admin.user_id, admin.public_id)

    assert other("GET", "/me").json["scopes"] == ["read"]
    listed = admin("GET", "/tokens").json["items"][0]
    assert listed["lastUsedAt"] is not None
    assert "token" not in listed
    assert listed["hint"] == f"{created['token'][:7]}…"
    stored = connection.execute("SELECT string_agg(api_tokens::text, '') FROM api_tokens").fetchone()
    assert stored is not None
    assert created["token"] not in stored[0]
    assert admin("DELETE", f"/tokens/{created['id']}").status_code == 204
    assert other("GET", "/me").status_code == 401
    assert admin("DELETE", f"/tokens/{created['id']}").status_code == 404


def test_an_expired_token_is_refused(person: Person, connection: psycopg.Connection[Any]) -> None:
    eve = person("eve")
    connection.execute("UPDATE api_tokens SET expires_at = now() - interval '1 second'")

    answer = eve("GET", "/me")

    assert answer.status_code == 401
    assert answer.headers["WWW-Authenticate"] == "Bearer"


def test_scopes_limit_what_a_token_does(admin: Caller, person: Person) -> None:
    workflow = admin.workflow(shared=True)
    reader, runner = person("rea", scopes=("read",)), person("run", scopes=("run",))

    assert reader("GET", f"/workflows/{workflow}").status_code == 200
    assert reader.start(workflow).status_code == 403
    assert runner.start(workflow).status_code == 202
    assert runner("PUT", f"/workflows/{workflow}", {"name": "x"}, If_Match="*").status_code == 403
    assert runner("POST", "/tokens", {"name": "x", "scopes": ["read"]}).status_code == 403


def test_a_token_cannot_create_one_that_reaches_further(person: Person) -> None:
    writer = person("wri", scopes=("write",))

    assert writer("POST", "/tokens", {"name": "x", "scopes": ["admin"]}).status_code == 403
    assert writer("POST", "/tokens", {"name": "x", "scopes": ["run"]}).status_code == 201


def test_nobody_revokes_the_token_of_another(admin: Caller, person: Person) -> None:
    token = admin("POST", "/tokens", {"name": "mine"}).json["id"]

    assert person("bob", "admin")("DELETE", f"/tokens/{token}").status_code == 404


def test_statistics_of_users_are_for_admins_others_see_their_own(admin: Caller, person: Person) -> None:
    bob = person("bob")

    everybody = admin("GET", "/stats/users").json["items"]
    own = bob("GET", "/stats/users").json["items"]

    assert [user["name"] for user in everybody] == ["Bob", "Ada"]
    assert [user["id"] for user in own] == [bob.public_id]
    assert bob("GET", "/stats/overview").json["totalExecutions"] == 0
    assert bob("GET", "/stats/workflows").json["items"] == []


@pytest.mark.parametrize("header", ["Bearer fv_short", "Bearer", "Basic YTpi", "Bearer fv_" + "x" * 40, "fv_x"])
def test_headers_that_prove_nothing(app: Flask, header: str) -> None:
    answer = Answer(app.test_client().get("/api/v1/me", headers={"Authorization": header}))

    assert answer.status_code == 401
    assert answer.json["type"] == "/problems/unauthenticated"
