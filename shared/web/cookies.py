"""The session cookie: HttpOnly, SameSite=Lax, and with the `__Host-` prefix wherever it is sent over HTTPS only."""

from flask import Request, current_app
from werkzeug.wrappers import Response

from shared.auth.signin import SESSION_DAYS

SECURE_NAME = "__Host-flowversal"
PLAIN_NAME = "flowversal"


def _secure() -> bool:
    return bool(current_app.config["SESSION_COOKIE_SECURE"])


def _name() -> str:
    return SECURE_NAME if _secure() else PLAIN_NAME


def session_key(request: Request) -> str | None:
    """The session's key that the browser sent, or None."""
    return request.cookies.get(_name())


def set_session_cookie(response: Response, key: str) -> None:
    """Let the browser keep the key for as long as the session lives."""
    response.set_cookie(
        _name(), key, max_age=SESSION_DAYS * 86_400, path="/", httponly=True, samesite="Lax", secure=_secure()
    )


def clear_session_cookie(response: Response) -> None:
    """Make the browser forget the key."""
    response.delete_cookie(_name(), path="/", httponly=True, samesite="Lax", secure=_secure())
