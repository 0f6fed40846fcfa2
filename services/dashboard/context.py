"""What every page knows: who is signed in, the theme, and the counts of the navigation."""

from typing import Any

from flask import Flask, Response, g, redirect, request, url_for

from shared.auth.access import Action, Identity, may
from shared.queries import approvals, dead_letters, running
from shared.queries.shapes import Viewer
from shared.web.database import connection
from shared.web.guard import identity
from shared.web.headers import csp_nonce

THEME_COOKIE = "theme"
COUNTED = 100
_THEMES = frozenset({"light", "dark"})


def viewer() -> Viewer:
    """Whose eyes the queries of this request look with."""
    return Viewer(identity().user_id, identity().sees_all)


def running_count() -> int:
    """How many executions run or are being canceled, as far as this user may see."""
    return running.count(connection(), viewer())


def asked_count() -> int:
    """How many approvals wait for this user, at most `COUNTED`."""
    return approvals.count(connection(), approvals.decider(identity()), COUNTED)


def letters_count() -> int:
    """How many runs failed and were not dealt with, as far as this user may see, at most `COUNTED`."""
    return dead_letters.count_open(connection(), viewer(), COUNTED)


def to_sign_in() -> Response | tuple[str, int]:
    """Send a person to the sign-in form and remember where they wanted to go; a stream just ends."""
    if request.path.startswith("/live/"):
        return "", 204
    wanted = request.full_path.rstrip("?") if request.method == "GET" else "/"
    return redirect(url_for("sign_in.form", next=wanted if wanted != "/" else None))  # type: ignore[return-value]


def safe_path(path: str | None) -> str:
    """The path if it leads to a page of this site, else the start page. Never another host, never the sign-in form."""
    if not path or not path.startswith("/") or path.startswith(("//", "/\\", "/login", "/logout", "/live/")):
        return "/"
    if any(ord(character) < 33 or character == "\\" for character in path):
        return "/"
    return path


def install_context(app: Flask) -> None:
    """Offer `me`, `can`, `theme`, `csp_nonce` and the counts of the navigation to every template."""

    @app.context_processor
    def everywhere() -> dict[str, Any]:
        me: Identity | None = g.get("identity")
        theme = request.cookies.get(THEME_COOKIE, "")
        return {
            "me": me,
            "can": lambda action: me is not None and may(me, Action(action)),
            "theme": theme if theme in _THEMES else "",
            "csp_nonce": csp_nonce,
            "running_count": running_count,
            "asked_count": asked_count,
            "letters_count": letters_count,
            "counted": COUNTED,
        }
