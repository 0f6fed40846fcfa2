"""Pages as HTTP: who may open what, what every answer carries, what happens when a server is away."""

import re
from collections.abc import Callable

import pytest
from flask import Flask
from flask.testing import FlaskClient

from services.dashboard.app import create_app
from shared.settings import Settings
from shared.web.database import engine_of
from tests.integration.dashboard.conftest import PASSWORD

Person = Callable[[str], FlaskClient]
PAGES = [
    "/workflows",
    "/executions",
    "/approvals",
    "/admin",
    "/admin/executions",
    "/admin/errors",
    "/admin/workflows",
    "/admin/users/me",
]


@pytest.mark.parametrize("role", ["admin", "editor", "viewer"])
def test_everybody_opens_the_pages_of_their_role(person: Person, role: str):
    client = person(role)
    for page in PAGES:
        assert client.get(page).status_code == 200, page
    assert client.get("/workflows/new").status_code == (403 if role == "viewer" else 200)
    assert client.get("/credentials").status_code == (403 if role == "viewer" else 200)
    assert client.get("/admin/users").status_code == (200 if role == "admin" else 403)


def test_nobody_sees_a_page_without_signing_in_and_comes_back_to_it(app: Flask):
    answer = app.test_client().get("/admin/executions?status=failed")
    assert answer.status_code == 302
    assert answer.location == "/login?next=/admin/executions?status%3Dfailed"
    assert app.test_client().get("/live/overview").status_code == 204


@pytest.mark.parametrize(
    "target", ["https://evil.example", "//evil.example", "/\\evil.example", "/login", "/a\r\nX: y", "", "evil"]
)
def test_signing_in_never_leads_to_another_site(app: Flask, person: Person, target: str):
    person("editor")
    form = {"email": "editor@example.com", "password": PASSWORD, "next": target}
    answer = app.test_client().post("/login", data=form)
    assert (answer.status_code, answer.location) == (303, "/")


def test_signing_in_from_another_site_is_refused(app: Flask):
    answer = app.test_client().post(
        "/login", data={"email": "a", "password": "b"}, headers={"Sec-Fetch-Site": "cross-site"}
    )
    assert answer.status_code == 403


def test_an_unknown_address_and_a_wrong_password_are_answered_alike(app: Flask, person: Person):
    person("editor")
    pages = set()
    for email in ("editor@example.com", "nobody@example.com"):
        answer = app.test_client().post("/login", data={"email": email, "password": "wrong"})
        assert answer.status_code == 401
        text = re.sub(r'nonce="[^"]+"|data-now="\d+"', "", answer.text)
        pages.add(text.replace(email, ""))
    assert len(pages) == 1


def test_signing_out_needs_the_page(person: Person):
    client = person("editor")
    assert client.post("/logout").status_code == 403
    csrf = re.search(r'name="csrf" value="([^"]+)"', client.get("/workflows").text)
    assert csrf is not None
    assert client.post("/logout", data={"csrf": csrf[1]}).location == "/login"
    assert client.get("/workflows").status_code == 302


def test_every_answer_carries_the_policy_and_no_page_has_inline_code(person: Person):
    client = person("admin")
    for page in [*PAGES, "/workflows/new", "/credentials", "/credentials/new?type=hmac", "/nowhere", "/admin/users"]:
        answer = client.get(page)
        policy = answer.headers["Content-Security-Policy"]
        nonce = re.search(r"script-src 'self' 'nonce-([^']+)'", policy)
        assert nonce is not None
        assert "frame-ancestors 'none'" in policy
        assert "unsafe" not in policy
        assert not re.search(r"\sstyle=|<style|\son[a-z]+=|javascript:", answer.text), page
        assert all(nonce[1] in tag for tag in re.findall(r"<script[^>]*>", answer.text))
        assert "http://" not in answer.text.replace("http://www.w3.org", "")


def test_an_unknown_thing_is_a_styled_404(person: Person):
    client = person("admin")
    for page in ("/nowhere", "/workflows/wf-x", "/executions/exec-0000000000000000000000000z", "/live/executions/nope"):
        answer = client.get(page)
        assert answer.status_code == 404
        assert "There is nothing here" in answer.text


def test_without_a_database_the_page_says_so_and_when_to_come_back():
    nowhere = {"DATABASE_URL": "postgresql://127.0.0.1:1/none", "REDIS_URL": "redis://127.0.0.1:1/0"}
    app = create_app(Settings.model_validate(nowhere))
    client = app.test_client()
    client.set_cookie("flowversal", "k" * 43)
    answer = client.get("/workflows")
    engine_of(app).dispose()
    assert answer.status_code == 503
    assert answer.headers["Retry-After"]
    assert "tries again by itself" in answer.text


def test_unknown_filters_are_ignored(person: Person):
    answer = person("admin").get("/admin/executions?status=nope&trigger=x&time=9y&before=zzz&q=%00")
    assert answer.status_code == 200
    assert "No executions yet" in answer.text
