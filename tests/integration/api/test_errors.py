"""Whatever goes wrong is a problem answer that says what to do, without a stack trace and without the input."""

import threading
from typing import Any

import psycopg
import pytest
from flask import Flask

from services.standalone.servers.postgres import Postgres
from shared.auth.access import Action
from shared.web.guard import requires
from tests.integration.api.caller import Answer, Caller, definition

SECRET = "hunter2-do-not-echo"


@pytest.mark.parametrize(
    ("body", "status", "kind"),
    [
        (b"{", 400, "malformed-json"),
        (b'{"name": NaN}', 400, "malformed-json"),
        (b"\xff\xfe", 400, "malformed-json"),
        (b"[" * 50_000, 400, "malformed-json"),
        (b"[]", 422, "invalid-request"),
        (b'"text"', 422, "invalid-request"),
        (b'{"name": "a\\u0000b", "definition": {}}', 422, "invalid-value"),
        (b'{"name": "\\ud800", "definition": {}}', 400, "malformed-json"),
        (b'{"name": "n", "definition": ' + b"[" * 150 + b"]" * 150 + b"}", 422, "invalid-value"),
        (b'{"name": "n", "definition": {"x": ' + b"9" * 2_000 + b"}}", 422, "invalid-value"),
        (b'{"name": "n", "definition": "' + b"x" * 100_000 + b'"}', 413, "request-entity-too-large"),
    ],
)
def test_bodies_that_cannot_be_used(admin: Caller, body: bytes, status: int, kind: str) -> None:
    answer = admin.raw("POST", "/workflows", body)

    assert answer.status_code == status, answer.json
    assert answer.content_type == "application/problem+json"
    assert answer.json["type"] == f"/problems/{kind}"
    assert answer.json["status"] == status
    assert answer.json["detail"]
    assert status != 413 or "bytes" in answer.json["detail"]


def test_another_content_type_is_refused(admin: Caller) -> None:
    assert admin.raw("POST", "/workflows", b"name=n", "application/x-www-form-urlencoded").status_code == 415


def test_the_input_is_never_echoed(admin: Caller, app: Flask) -> None:
    answers = [
        admin("POST", "/workflows", {"name": {"password": SECRET}, "definition": definition()}),
        admin("POST", "/tokens", {"name": "n", "scopes": [SECRET]}),
        admin("POST", "/tokens", {"name": "n", "expiresInDays": SECRET}),
        admin("GET", f"/executions?status={SECRET}"),
        admin("GET", f"/executions?cursor={SECRET}"),
        admin("GET", f"/nothing/{SECRET}"),
        admin.raw("POST", "/workflows", f"{{'{SECRET}".encode()),
        Answer(app.test_client().post("/api/v1/session", json={"email": "a@b.c", "password": SECRET})),
    ]

    for answer in answers:
        assert 400 <= answer.status_code < 500
        assert SECRET not in answer.text, answer.text


def test_addresses_and_methods_that_do_not_exist(admin: Caller) -> None:
    missing, method = admin("GET", "/nothing"), admin("PATCH", "/me")

    assert (missing.status_code, missing.json["type"]) == (404, "/problems/not-found")
    assert method.status_code == 405
    assert "GET" in method.headers["Allow"]


def test_a_fault_of_ours_shows_nothing_of_its_inside(admin: Caller, app: Flask) -> None:
    def broken(**_: Any) -> Any:
        raise RuntimeError(SECRET)

    app.view_functions["people.me"] = requires(Action.SELF_READ)(broken)

    answer = admin("GET", "/me")

    assert answer.status_code == 500
    assert SECRET not in answer.text
    assert "Traceback" not in answer.text


def test_every_answer_has_the_security_headers(admin: Caller) -> None:
    for answer in (admin("GET", "/me"), admin("GET", "/nothing"), admin("GET", "/api/docs")):
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
        assert "default-src 'none'" in answer.headers["Content-Security-Policy"]
        assert "unsafe" not in answer.headers["Content-Security-Policy"]


def test_without_postgres_it_says_try_again_and_it_recovers_by_itself(admin: Caller, postgres: Postgres) -> None:
    workflow = admin.workflow()
    postgres.stop()

    answers = [admin("GET", "/me"), admin.start(workflow), admin("GET", "/api/v1/openapi.json")]
    ready = admin("GET", "/readyz")

    postgres.start()
    postgres.wait_ready(60)
    assert [answer.status_code for answer in answers] == [503, 503, 200]
    assert answers[0].json["type"] == "/problems/unavailable"
    assert int(answers[0].headers["Retry-After"]) > 0
    assert (ready.status_code, ready.json["database"]) == (503, "unreachable")
    assert admin.start(workflow).status_code == 202


WAITING = "SELECT pid FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"


def test_a_connection_that_ends_within_a_request_says_try_again_too(
    admin: Caller, connection: psycopg.Connection[Any]
) -> None:
    workflow = admin.workflow()
    answers: list[Answer] = []
    asked = threading.Thread(target=lambda: answers.append(admin.start(workflow)))
    with connection.transaction():
        connection.execute("LOCK TABLE audit_log IN ACCESS EXCLUSIVE MODE")
        asked.start()
        while not (waiting := connection.execute(WAITING).fetchall()):
            assert asked.is_alive()
        connection.execute("SELECT pg_terminate_backend(%s)", waiting[0])
        asked.join()

    assert (answers[0].status_code, answers[0].json["type"]) == (503, "/problems/unavailable")
    assert connection.execute("SELECT count(*) FROM executions").fetchone() == (0,)
    assert admin.start(workflow).status_code == 202


def test_health(app: Flask) -> None:
    client = app.test_client()

    assert client.get("/healthz").json == {"status": "ok"}
    ready = client.get("/readyz")
    assert ready.status_code == 200
    assert ready.json == {"status": "ready", "database": "ok", "broker": "unreachable", "redis": "unreachable"}


def test_a_database_without_our_schema_is_not_ready(empty_database_url: str) -> None:
    from services.api.app import create_app
    from shared.settings import Settings
    from shared.web.database import engine_of

    app = create_app(Settings.model_validate({"DATABASE_URL": empty_database_url}))
    answer = Answer(app.test_client().get("/readyz"))
    engine_of(app).dispose()

    assert answer.status_code == 503
    assert answer.json["database"] == "schema is not current"


@pytest.mark.parametrize("path", ["/executions?search=a%00", "/workflows?search=%00", "/dead-letters/groups?code=%00"])
def test_a_nul_in_a_query_is_the_callers_mistake(admin: Caller, path: str) -> None:
    answer = admin("GET", path)
    assert (answer.status_code, answer.json["errors"][0]["path"]) == (422, path.split("?")[1].split("=", maxsplit=1)[0])
    assert "%00" in answer.json["errors"][0]["message"]


def test_one_problem_is_said_once_and_how_to_mend_it(admin: Caller) -> None:
    workflow = admin.workflow()
    answer = admin("POST", f"/workflows/{workflow}/executions", {"version": "newest"})
    assert answer.json["errors"] == [
        {"path": "version", "message": 'Use "published", "draft" or the number of a version.'}
    ]
    assert answer.json["detail"] == "The request has 1 problem. Correct it and send it again."
    again = admin("POST", f"/executions/{admin.started(workflow)}/retry", {"version": 0})
    assert again.json["errors"][0]["message"].startswith('Use "same"')
    days = admin("PUT", f"/workflows/{workflow}", {"retentionDays": 0}, If_Match="*")
    assert "draft" not in days.json["detail"], "no draft could be saved with it"


@pytest.mark.parametrize(
    ("method", "path", "thing", "prefix"),
    [
        ("GET", "/workflows/hello", "workflow", "wf"),
        ("GET", "/workflows/hello/versions/", "workflow", "wf"),
        ("GET", "/executions/exec-1", "execution", "exec"),
        ("GET", "/executions/exec-%00/steps", "execution", "exec"),
        ("POST", "/dead-letters/letter-x/redrive", "dead letter", "letter"),
        ("GET", "/credentials/wf-01jd8m3kq7w01jd8m3kq7w01jd", "credential", "cred"),
        ("DELETE", "/tokens/mine", "token", "tok"),
        ("GET", "/executions/bulk/1", "bulk action", "bulk"),
        ("GET", "/budgets/user/me", "user", "user"),
    ],
)
def test_an_address_with_an_odd_id_says_what_ids_look_like(
    admin: Caller, method: str, path: str, thing: str, prefix: str
) -> None:
    answer = admin(method, path)
    assert (answer.status_code, answer.json["type"]) == (404, "/problems/not-found")
    text = f"There is no such {thing}. Ids of {thing}s look like {prefix}-… "
    assert answer.json["detail"].startswith(text)


def test_an_address_that_nothing_is_at_leads_to_the_list(admin: Caller) -> None:
    assert "/api/docs" in admin("GET", "/executionz").json["detail"]
