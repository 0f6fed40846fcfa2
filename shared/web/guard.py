"""Deny by default: each request is identified and checked against the authorisation table.

Every view names its action with `@requires(Action.…)`. A view without one is refused for everybody.
"""

from collections.abc import Callable
from hmac import compare_digest
from typing import Any, TypeVar, cast

from flask import Flask, g, request
from werkzeug.wrappers import Response

from shared.auth.access import Action, Identity, may
from shared.auth.identify import by_session, by_token
from shared.domain.errors import Forbidden, RequestError
from shared.web.cookies import session_key
from shared.web.database import connection

View = TypeVar("View", bound=Callable[..., Any])

CSRF_HEADER = "X-CSRF-Token"
_READS = frozenset({"GET", "HEAD", "OPTIONS"})
_ATTRIBUTE = "required_action"


class Unauthenticated(RequestError):
    """Nobody is signed in, or the token or session is not valid (any more)."""


def requires(action: Action) -> Callable[[View], View]:
    """Mark a view with the action that its callers must be allowed to do."""

    def mark(view: View) -> View:
        setattr(view, _ATTRIBUTE, action)
        return view

    return mark


def action_of(view: object) -> Action | None:
    """The action that a view was marked with, or None."""
    return cast("Action | None", getattr(view, _ATTRIBUTE, None))


def install_guard(app: Flask, on_unauthenticated: Callable[[], Any] | None = None) -> None:
    """Check every request of the application.

    `on_unauthenticated` may answer instead of a raised Unauthenticated (a page sends people to the sign-in form).
    """

    @app.before_request
    def guard() -> Response | None:
        if request.url_rule is None or request.endpoint is None:
            return None  # nothing to protect: the answer is 404 or 405
        action = action_of(app.view_functions[request.endpoint])
        if action is Action.PUBLIC:
            return None
        try:
            g.identity = _identify()
        except Unauthenticated:
            if on_unauthenticated is None:
                raise
            return cast("Response", on_unauthenticated())
        if action is None or not may(g.identity, action):
            raise Forbidden("Your role, or this token's scope, does not allow this. Ask an admin of this installation.")
        return None


def identity() -> Identity:
    """Who is calling; only in views whose action is not PUBLIC."""
    return cast("Identity", g.identity)


def address() -> str:
    """The caller's network address, for the audit trail."""
    return request.remote_addr or ""


def current_identity() -> Identity | None:
    """Who is signed in, also on a public page; None when nobody is."""
    try:
        return _identify()
    except (Unauthenticated, Forbidden):
        return None


def _identify() -> Identity:
    header = request.headers.get("Authorization")
    if header is not None:
        return _from_header(header)
    key = session_key(request)
    if key is None:
        raise Unauthenticated("Sign in, or send an API token: Authorization: Bearer fv_…")
    found = by_session(connection(), key)
    if found is None or found.csrf is None:
        raise Unauthenticated("The session is over. Sign in again.")
    if request.method not in _READS and not compare_digest(
        request.headers.get(CSRF_HEADER, "").encode(), found.csrf.encode()
    ):
        raise Forbidden(f"A write with a session cookie needs the header {CSRF_HEADER} from the sign-in answer.")
    return found


def _from_header(header: str) -> Identity:
    scheme, _, token = header.partition(" ")
    if scheme.lower() != "bearer":
        raise Unauthenticated("Send the API token as: Authorization: Bearer fv_…")
    found = by_token(connection(), token.strip())
    if found is None:
        raise Unauthenticated("The token is unknown, expired or revoked. Create another one in the settings.")
    return found
