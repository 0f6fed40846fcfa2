"""Signing in and out: the dashboard's only routes that write."""

from hmac import compare_digest

from flask import Blueprint, current_app, redirect, render_template, request, url_for
from werkzeug.wrappers import Response

from services.dashboard.context import safe_path
from shared.auth.access import Action
from shared.auth.identify import by_session
from shared.auth.limiter import TooManyAttempts
from shared.auth.signin import SignIn, SignInRefused, sign_out
from shared.domain.errors import Forbidden
from shared.web.cookies import clear_session_cookie, session_key, set_session_cookie
from shared.web.database import connection
from shared.web.guard import address, current_identity, requires

blueprint = Blueprint("sign_in", __name__)

_EXTENSION = "flowversal-sign-in"
_OWN_SITES = frozenset({"same-origin", "none"})


@blueprint.get("/login")
@requires(Action.PUBLIC)
def form() -> Response | str:
    """The form; who is signed in already goes on."""
    wanted = safe_path(request.args.get("next"))
    if current_identity() is not None:
        return redirect(wanted)
    return render_template("login.html", next=wanted, email="", problem="")


@blueprint.post("/login")
@requires(Action.PUBLIC)
def enter() -> Response | tuple[str, int]:
    """Start a session, or show the form again with one message for every wrong pair."""
    _refuse_other_sites()
    wanted = safe_path(request.form.get("next"))
    email = request.form.get("email", "")
    limiter: SignIn = current_app.extensions.setdefault(_EXTENSION, SignIn())
    try:
        signed_in = limiter.sign_in(connection(), email, request.form.get("password", ""), address())
    except SignInRefused as error:
        return render_template("login.html", next=wanted, email=email, problem=str(error)), 401
    except TooManyAttempts as error:
        return render_template("login.html", next=wanted, email=email, problem=str(error)), 429
    answer = redirect(wanted, code=303)
    set_session_cookie(answer, signed_in.key)
    return answer


@blueprint.post("/logout")
@requires(Action.PUBLIC)
def leave() -> Response:
    """End the session. The form carries the session's CSRF value; a session that is over already is fine."""
    key = session_key(request)
    found = by_session(connection(), key) if key is not None else None
    if key is not None and found is not None and found.csrf is not None:
        if not compare_digest(request.form.get("csrf", "").encode(), found.csrf.encode()):
            raise Forbidden("Sign out with the button of the page.")
        sign_out(connection(), key, found, address())
    answer = redirect(url_for("sign_in.form"), code=303)
    clear_session_cookie(answer)
    return answer


def _refuse_other_sites() -> None:
    """Nobody can be signed in by a form of another site."""
    if request.headers.get("Sec-Fetch-Site", "none") not in _OWN_SITES:
        raise Forbidden("Sign in on the page of this site.")
