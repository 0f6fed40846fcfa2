"""Errors as pages. The statuses are those of the API's table; nothing of a stack trace leaves the process."""

from flask import Flask, g, render_template
from werkzeug.exceptions import HTTPException

from shared.domain.errors import RequestError, Unavailable
from shared.log import get_logger
from shared.web.database import UNREACHABLE, release
from shared.web.problems import RETRY_AFTER_S, TABLE

log = get_logger(__name__)

Page = tuple[str, int, dict[str, str]]

# Status: title, what to do next.
TEXTS = {
    400: ("The request cannot be used", "Go back and try again."),
    403: ("You may not see this", "Your role does not include it. Ask an admin of this installation."),
    404: (
        "There is nothing here",
        "It may have been archived or removed by retention, or it belongs to somebody else, or the address has a typo.",
    ),
    405: ("This page cannot do that", "Go back and try again."),
    413: ("That is too much", "The request is larger than this server accepts."),
    500: ("Something broke on our side", "It is not your fault. The server's log has the details."),
    503: ("The database does not answer", "Nothing is lost. This page tries again by itself in a moment."),
}


def install_error_pages(app: Flask) -> None:
    """Answer every error with a page that says what to do next."""
    app.register_error_handler(RequestError, _request_error)
    app.register_error_handler(HTTPException, _http)
    for unreachable in (*UNREACHABLE, Unavailable):
        app.register_error_handler(unreachable, _unavailable)
    app.register_error_handler(Exception, _bug)


def error_page(status: int) -> Page:
    """The page of a status. It asks the database nothing, so that it works while the database is down."""
    title, advice = TEXTS.get(status, TEXTS[500 if status >= 500 else 400])
    headers = {"Retry-After": str(RETRY_AFTER_S)} if status == 503 else {}
    g.pop("identity", None)
    return render_template("error.html", status=status, title=title, advice=advice), status, headers


def _request_error(error: RequestError) -> Page:
    return error_page(next(row[1] for row in TABLE if isinstance(error, row[0])))


def _http(error: HTTPException) -> Page | HTTPException:
    return error_page(error.code) if error.code is not None and error.code >= 400 else error


def _unavailable(error: Exception) -> Page:
    log.warning("a server does not answer", error=type(error).__name__)
    release()
    return error_page(503)


def _bug(error: Exception) -> Page:
    log.error("page failed", exc_info=error)
    return error_page(500)
