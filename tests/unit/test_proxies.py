"""Whose address counts: of the connection, or what our own proxies wrote; never what a caller wrote."""

from typing import Any

import pytest
from flask import Flask

from services.api.app import create_app as create_api
from services.dashboard.app import create_app as create_dashboard
from services.standalone import wsgi
from shared.auth.access import Action
from shared.settings import Settings
from shared.web.guard import address, requires

FORGED = "203.0.113.9, 198.51.100.7"
PEER = "127.0.0.1"
BOTH = pytest.mark.parametrize("create", [create_api, create_dashboard], ids=["api", "dashboard"])


@requires(Action.PUBLIC)
def where() -> str:
    """Who calls."""
    return address()


def made(create: Any, proxies: int) -> Flask:
    """The application with a page that says who calls."""
    app: Flask = create(Settings.model_validate({"FLOWVERSAL_TRUSTED_PROXIES": proxies}))
    for path in ("/where", "/api/where"):
        app.add_url_rule(path, path, where)
    return app


def seen(app: Flask, forwarded: str | None) -> str:
    headers = {"X-Forwarded-For": forwarded, "X-Forwarded-Proto": "https"} if forwarded else {}
    return app.test_client().get("/where", headers=headers, environ_base={"REMOTE_ADDR": PEER}).text


@BOTH
@pytest.mark.parametrize(
    ("proxies", "forwarded", "expected"),
    [
        (0, FORGED, PEER),
        (1, FORGED, "198.51.100.7"),
        (2, FORGED, "203.0.113.9"),
        (1, None, PEER),
        # Fewer entries than proxies: one of them was gone round.
        (2, "203.0.113.9", PEER),
    ],
)
def test_only_what_our_own_proxies_wrote_counts(
    create: Any, proxies: int, forwarded: str | None, expected: str
) -> None:
    assert seen(made(create, proxies), forwarded) == expected


def test_one_web_server_for_both_asks_each_of_them(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(wsgi, "create_api", lambda: made(create_api, 1))
    monkeypatch.setattr(wsgi, "create_dashboard", lambda: made(create_dashboard, 1))
    outer = Flask("outer")
    outer.wsgi_app = wsgi.create_app()  # type: ignore[method-assign]
    for path in ("/where", "/api/where"):
        headers = {"X-Forwarded-For": FORGED}
        assert outer.test_client().get(path, headers=headers).text == "198.51.100.7"
